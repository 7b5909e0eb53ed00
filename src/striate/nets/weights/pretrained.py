"""Networks with pretrained weights.

Separate from `striate.nets.build`, which reads no files, so that a server for others cannot reach a .pth file.
"""

import logging
from pathlib import Path

from torch import nn

from striate.nets.blueprint import build as build_fresh
from striate.nets.weights.files import WeightsReport, fit, load_weights
from striate.nets.weights.published import imagenet_weights, published

log = logging.getLogger(__name__)


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
    if weights is not None:
        report = start_from(net, name, weights)
        log.log(logging.WARNING if report.head or report.stem else logging.INFO, "%s", report)
    return net


def start_from(net: nn.Module, name: str, weights: str | Path) -> WeightsReport:
    """Load weights into the network called `name` in the catalogue, and report where they differ.

    Raises UsageError where "imagenet" is asked of a network without published weights, DataError as `build`.
    """
    if weights == "imagenet":
        return fit(net, imagenet_weights(name), source=f"the ImageNet weights of {name}")
    return load_weights(net, weights)
