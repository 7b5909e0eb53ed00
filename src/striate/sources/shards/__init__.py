"""WebDataset: tar shards of samples with random access, local or remote."""
