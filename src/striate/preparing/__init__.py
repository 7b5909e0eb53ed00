"""Everything before the first step: settings, data read, choices made, fitness proved, engine and time measured."""
