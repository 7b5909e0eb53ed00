"""From pictures to batches of tensors: splitting, storing decoded pictures, sampling, augmentation; and the audit."""
