"""Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer, "SqueezeNet", 2016.

https://arxiv.org/abs/1602.07360, table 1, figures 1 and 2; version 1.1 of the authors' repository:
https://github.com/forresti/SqueezeNet/tree/master/SqueezeNet_v1.1.

AlexNet's accuracy with a fiftieth of its parameters: few maps into each 3x3, and no fully connected layer.

Departures: version 1.1 has a smaller first layer and pools sooner than the paper's table: 2.4 times fewer
multiply-adds at the same accuracy.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class Fire(nn.Module):
    """Figure 1: 1x1 to a few maps, then 1x1 and 3x3 side by side."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 2 * expanded, H, W)."""
        x = relu(self.squeeze(x))
        return torch.cat([relu(self.expand1x1(x)), relu(self.expand3x3(x))], 1)


# Version 1.1: the maps of each fire module, squeezed and expanded, in three groups with a pooling before
# each.
FIRES = (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256)))


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1, with torchvision's keys: 1,235,496 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 224x224; any size from 21 up works, since the last map is averaged.
    He initialisation by uniform draws, the last layer from N(0, 0.01), biases at 0, as in torchvision.
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, 64, 3, stride=2), nn.ReLU()]
        channels = 64
        for group in FIRES:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            for squeezed, expanded in group:
                layers.append(Fire(channels, squeezed, expanded))
                channels = 2 * expanded
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(channels, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(0.5), last, nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.apply(init)
        nn.init.normal_(last.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 512, 13, 13)
        return self.classifier(x).flatten(1)


def init(module: nn.Module) -> None:
    """Draw a convolution's weights uniformly with variance 2 / fan_in and zero its bias."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_uniform_(module.weight)
        nn.init.zeros_(module.bias)
