"""Pictures that stand as pixels: NumPy, IDX, CIFAR."""
