"""The training loop: from a recipe and batches to trained weights, resumable at any step, on one rank or several."""
