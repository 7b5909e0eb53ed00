"""From files to batches: source, decode, preprocess, store, augment, loader."""
