"""How a network ends: one file a head, by the name that a task asks for."""
