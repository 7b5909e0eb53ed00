"""Everything before the first step: settings, reading the data, choosing the rest, checks, engine and time measured."""
