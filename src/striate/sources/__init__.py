"""A path, an address or a table becomes what a data set holds: names, targets, splits. No pixel is decoded here."""
