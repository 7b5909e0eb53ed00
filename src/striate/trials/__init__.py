"""Short trainings without a run folder: the learning rate range test, races of optimizers, descents of a surface."""
