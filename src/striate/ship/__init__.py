"""How a network leaves the house."""
