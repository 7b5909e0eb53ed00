"""The shortcuts of residual networks: He, Zhang, Ren, Sun, Deep Residual Learning, 2015, section 4.1."""

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import pad

ShortcutKind = Literal["A", "B", "C"]


class PaddedShortcut(nn.Module):
    """Option A: take every `stride`-th pixel and fill the new channels with zeros; no parameters."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = out_channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride))."""
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


def shortcut(kind: ShortcutKind, in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Return the shortcut of a residual block.

    A pads with zeros where the shape changes, B projects there (1x1 convolution and batch norm), C projects
    everywhere.
    """
    same = in_channels == out_channels and stride == 1
    if same and kind != "C":
        return nn.Identity()
    if kind == "A":
        return PaddedShortcut(in_channels, out_channels, stride=stride)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
    )
