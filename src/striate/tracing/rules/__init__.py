"""Rules: the output shape, cost and receptive field of torch functions, by arithmetic."""
