"""Training for a look, without a run folder: which rate, which optimizer, and how the optimizers go down a surface."""
