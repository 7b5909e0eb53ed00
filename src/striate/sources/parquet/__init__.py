"""Parquet files, of embedded pictures or of paths."""
