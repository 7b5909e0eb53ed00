"""One file a paper; it reads as the paper's figure does."""
