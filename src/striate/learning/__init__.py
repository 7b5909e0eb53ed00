"""The formulas of learning by name: optimizers, schedules, averages, fine-tuning, a network's own rule."""
