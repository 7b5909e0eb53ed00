"""What a network's output means: target, loss, metric and how an answer is read from it."""
