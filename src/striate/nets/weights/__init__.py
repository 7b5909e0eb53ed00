"""Pretrained weights, from a file or published; the only package that opens .pth files."""
