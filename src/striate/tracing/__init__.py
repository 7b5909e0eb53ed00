"""The summary of any network, from its shapes alone: nothing is run."""
