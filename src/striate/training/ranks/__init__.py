"""Data-parallel training: several processes, called ranks, that train one network."""
