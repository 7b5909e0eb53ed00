"""Files below a folder, one folder a class."""
