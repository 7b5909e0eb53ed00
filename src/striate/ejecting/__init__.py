"""A run as a plain PyTorch script that stands alone."""
