"""Networks with weights that somebody trained.

Kept apart from `build`, which reads no files, so that what serves strangers cannot reach a .pth file.
"""

from pathlib import Path

from torch import nn

from striate.nets.build import build as build_fresh
from striate.nets.published import imagenet_weights, published
from striate.nets.weights import fit, load_weights


def build(
    name: str,
    *,
    weights: str | Path | None = None,
    num_classes: int | None = None,
    in_channels: int | None = None,
) -> nn.Module:
    """Make a network of the catalogue, with fresh weights or with those of a file.

    `weights` is a .safetensors or .pth file, or "imagenet" for the published ones, which are fetched and
    checked on first use (EfficientNet-Lite0's come with the [pretrained] extra). Classes and channels
    default to the paper's; where they differ from the file's, the head stays fresh and the first
    convolution is adapted, and a log line says so. Raises UsageError for an unknown name, DataError for a
    file that does not fit.
    """
    if weights == "imagenet":
        published(name)
    net = build_fresh(name, num_classes=num_classes, in_channels=in_channels)
    if weights == "imagenet":
        fit(net, imagenet_weights(name), source=f"the ImageNet weights of {name}")
    elif weights is not None:
        load_weights(net, weights)
    return net
