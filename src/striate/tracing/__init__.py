"""The summary of any network, from a trace of its forward pass on shapes alone: no tensor is computed."""
