"""The files of the run folder: one module for each, which both writes and reads it."""
