"""What torch.nn lacks and two networks or more share."""
