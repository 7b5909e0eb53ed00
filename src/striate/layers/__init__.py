"""Layers that torch.nn lacks and two networks share."""

from striate.layers.dense import DenseLayer as DenseLayer
from striate.layers.residual import Residual as Residual

__all__ = ["DenseLayer", "Residual"]
