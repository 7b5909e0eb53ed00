"""Convolution arithmetic without torch: sizes, receptive fields and costs, exact in integers and fractions."""
