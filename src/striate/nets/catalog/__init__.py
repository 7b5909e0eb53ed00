"""The readable dict: a network's name, how it is made and what its paper says."""
