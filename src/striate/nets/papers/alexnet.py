"""Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012.

https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks, figure 2,
sections 3.1 to 3.5, 4.2 and 5. AlexNetTorchvision is the single-tower network of Krizhevsky, "One weird trick
for parallelizing convolutional neural networks", 2014, https://arxiv.org/abs/1404.5997, as torchvision codes
it.

ReLUs, overlapping pooling, dropout and two GPUs: the network that made images a matter for deep learning.

Departures: none. The towers of the two GPUs are the two groups of conv2, conv4 and conv5.
"""

from functools import partial

from torch import Tensor, nn

# The paper multiplies the sum over n maps by alpha, torch their mean: hence n times alpha.
ResponseNorm = partial(nn.LocalResponseNorm, 5, alpha=5 * 1e-4, beta=0.75, k=2.0)
OverlappingPool = partial(nn.MaxPool2d, 3, stride=2)

# Section 5: where the biases of conv1 to conv5 and of the three fully connected layers start.
BIASES = (0, 1, 0, 1, 1, 1, 1, 0)


class AlexNet(nn.Module):
    """AlexNet as published: 60,965,224 parameters at 1,000 classes.

    Takes (B, in_channels, H, W), made for 227x227; any size from 67 up works, since the last map is pooled to
    6x6. `towers=1` removes the grouping. Weights start from N(0, 0.01), the biases of conv2, conv4, conv5 and
    of the hidden layers at 1, the others at 0 (section 5).
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3, towers: int = 2) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 96, 11, stride=4),
            nn.ReLU(),
            ResponseNorm(),
            OverlappingPool(),
            nn.Conv2d(96, 256, 5, padding=2, groups=towers),
            nn.ReLU(),
            ResponseNorm(),
            OverlappingPool(),
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 384, 3, padding=1, groups=towers),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1, groups=towers),
            nn.ReLU(),
            OverlappingPool(),
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
        layers = [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        for layer, bias in zip(layers, BIASES, strict=True):
            init(layer, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 227, 227) -> (B, num_classes)."""
        x = self.features(x)  # (B, 256, 6, 6)
        x = self.avgpool(x).flatten(1)  # (B, 9216)
        return self.classifier(x)


class AlexNetTorchvision(nn.Module):
    """The AlexNet of torchvision, with its keys: one tower, fewer maps, no response norm.

    Takes (B, in_channels, H, W), made for 224x224; any size from 63 up works. Torch's default initialisation,
    as torchvision has it.
    """

    def __init__(self, num_classes: int = 1000, *, in_channels: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            OverlappingPool(),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            OverlappingPool(),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            OverlappingPool(),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 256, 6, 6)
        x = self.avgpool(x).flatten(1)  # (B, 9216)
        return self.classifier(x)


def init(layer: nn.Conv2d | nn.Linear, bias: float) -> None:
    """Draw weights from N(0, 0.01) and set the biases."""
    nn.init.normal_(layer.weight, std=0.01)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, bias)
