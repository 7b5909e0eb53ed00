"""Data sets of picture files below a folder, with one folder for each class."""
