"""Data sets listed in text tables, whose rows name picture files and their labels."""
