"""Convolution arithmetic, exact and without torch: whole numbers and fractions, never a rounded one."""
