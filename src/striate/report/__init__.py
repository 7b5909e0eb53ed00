"""What is said of a run and of a data set, as pages and text; it only reads."""
