"""The training loop and all that makes a run trustworthy: recipe, optimizer, schedule, checkpoints, record."""
