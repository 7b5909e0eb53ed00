"""Tar shards read at random, here or at an address."""
