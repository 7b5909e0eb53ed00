"""Weights that somebody trained, from a file or published; the one place that opens .pth files."""
