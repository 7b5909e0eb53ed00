"""One file of the run folder, one module: written and read in the same place."""
