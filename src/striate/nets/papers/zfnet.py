"""Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", 2013.

https://arxiv.org/abs/1311.2901, figure 3 and section 3.

AlexNet with a finer first layer, found by looking at what AlexNet's layers see.

Departures: none known. The paper's map sizes (110, 55, 26, 13, 6) follow from padding conv1 by 1 and from
pooling that keeps a last incomplete window; it names no constants for the contrast norm, so AlexNet's are
used.
"""

from functools import partial

from torch import Tensor, nn

ContrastNorm = partial(nn.LocalResponseNorm, 5, alpha=5 * 1e-4, beta=0.75, k=2.0)
Pool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)


class ZFNet(nn.Module):
    """ZFNet as figure 3 draws it: 62,357,608 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 224x224; any size from 47 up works, since the last map is pooled to
    6x6. Weights start from N(0, 0.01), biases at 0 (section 3).
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 96, 7, stride=2, padding=1),
            nn.ReLU(),
            Pool(),
            ContrastNorm(),
            nn.Conv2d(96, 256, 5, stride=2),
            nn.ReLU(),
            Pool(),
            ContrastNorm(),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            Pool(),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, num_classes),
        )
        self.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 256, 6, 6)
        x = self.avgpool(x).flatten(1)  # (B, 9216)
        return self.classifier(x)


def init(module: nn.Module) -> None:
    """Draw weights from N(0, 0.01) and zero the biases."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
