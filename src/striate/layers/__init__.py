"""Layers that torch.nn lacks, shared by networks and by the layer language."""

from striate.layers.dense import DenseLayer as DenseLayer
from striate.layers.residual import Residual as Residual

__all__ = ["DenseLayer", "Residual"]
