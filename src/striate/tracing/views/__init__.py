"""A summary as text, HTML and SVG drawing."""
