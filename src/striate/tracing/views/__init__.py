"""The table of a network as text, page and drawing."""
