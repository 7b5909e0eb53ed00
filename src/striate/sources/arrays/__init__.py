"""Data sets that store pixels in arrays, not picture files: NumPy, IDX and CIFAR."""
