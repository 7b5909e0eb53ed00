"""Parquet data sets, whose rows hold embedded pictures or the paths of picture files."""
