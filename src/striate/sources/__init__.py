"""Reading data sets of every format into a `Source`: picture names, labels and splits, before a pixel is decoded."""
