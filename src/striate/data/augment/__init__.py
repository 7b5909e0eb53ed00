"""What may be done to a training picture and, with it, to its target; every draw is counted."""
