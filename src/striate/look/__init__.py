"""Looking inside a run: the report and what it shows."""
