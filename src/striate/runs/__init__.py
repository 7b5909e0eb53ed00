"""The run folder: each of its files written and read, a run read back, and many runs side by side."""
