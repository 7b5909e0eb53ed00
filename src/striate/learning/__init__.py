"""How weights are trained: optimizers, schedules, weight averaging, fine-tuning, and a network's own learning rule."""
