"""The networks: one file a paper, in the order of the paper's figure."""
