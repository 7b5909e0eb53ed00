"""`eject`: the training of a run as a plain PyTorch script."""
