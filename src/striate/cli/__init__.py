"""The command line: one file per verb. Parse and delegate, no logic."""
