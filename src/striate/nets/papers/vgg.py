"""Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014.

https://arxiv.org/abs/1409.1556, table 1.

Nothing but 3x3 convolutions, and many of them: two see what one 5x5 sees, with fewer weights and one more
ReLU.

Departures: none without batch norms, which the paper is too early for. Weights start as torchvision starts
them, since the paper trained its shallow network first and started the deep ones from it.
"""

from torch import Tensor, nn

from striate.errors import unknown
from striate.layers.he import he_init

# Table 1, columns A to E: the convolutions between poolings, as kernel and maps.
TABLE_1 = {
    "A": ("3-64", "3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"),
    "A-LRN": ("3-64 lrn", "3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"),
    "B": ("3-64 3-64", "3-128 3-128", "3-256 3-256", "3-512 3-512", "3-512 3-512"),
    "C": ("3-64 3-64", "3-128 3-128", "3-256 3-256 1-256", "3-512 3-512 1-512", "3-512 3-512 1-512"),
    "D": ("3-64 3-64", "3-128 3-128", "3-256 3-256 3-256", "3-512 3-512 3-512", "3-512 3-512 3-512"),
    "E": (
        "3-64 3-64",
        "3-128 3-128",
        "3-256 3-256 3-256 3-256",
        "3-512 3-512 3-512 3-512",
        "3-512 3-512 3-512 3-512",
    ),
}


class VGG(nn.Module):
    """A column of table 1: A has 11 weight layers, B 13, C and D 16, E 19; with torchvision's keys.

    Takes (B, in_channels, H, W), made for 224x224; any size from 32 up works, since the last map is pooled to
    7x7. Convolutions start from He initialisation, linear layers from N(0, 0.01), biases at 0.
    """

    def __init__(
        self, num_classes: int = 1000, *, column: str = "D", in_channels: int = 3, batch_norm: bool = False
    ) -> None:
        super().__init__()
        if column not in TABLE_1:
            raise unknown("VGG column", column, TABLE_1)
        self.features = convolutions(column, in_channels, batch_norm=batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, num_classes),
        )
        self.apply(he_init)
        self.classifier.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, num_classes)."""
        x = self.features(x)  # (B, 512, 7, 7)
        x = self.avgpool(x).flatten(1)  # (B, 25088)
        return self.classifier(x)


def convolutions(column: str, in_channels: int, *, batch_norm: bool) -> nn.Sequential:
    """Return the five blocks of a column, each followed by a 2x2 max pooling."""
    layers: list[nn.Module] = []
    channels = in_channels
    for block in TABLE_1[column]:
        for word in block.split():
            if word == "lrn":
                layers.append(nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0))  # AlexNet's
                continue
            kernel, maps = map(int, word.split("-"))
            layers.append(nn.Conv2d(channels, maps, kernel, padding=kernel // 2))
            if batch_norm:
                layers.append(nn.BatchNorm2d(maps))
            layers.append(nn.ReLU())
            channels = maps
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def init(module: nn.Module) -> None:
    """Draw a linear layer's weights from N(0, 0.01) and zero its biases."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
