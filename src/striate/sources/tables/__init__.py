"""Rows that name files and what is in them: text tables, their columns, finding the files."""
