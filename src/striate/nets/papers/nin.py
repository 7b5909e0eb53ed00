"""Lin, Chen, Yan, "Network In Network", 2013.

https://arxiv.org/abs/1312.4400, figure 2 and section 4; layer sizes from the authors' published models for
Caffe, NIN for CIFAR-10 and NIN for ImageNet (the paper prints none).

A small network slides in the place of a linear filter, and the mean of each last map is a class's score.

Departures: none. As in equation 2, a ReLU follows every layer, the last one too.
"""

from torch import Tensor, nn

from striate.errors import unknown

# Of each mlpconv block: the convolution's kernel, stride, padding; the maps of it and of its 1x1 layers; the
# pool after it. None is the number of classes.
Block = tuple[tuple[int, int, int], tuple[int | None, ...], str]
MODELS: dict[str, tuple[Block, ...]] = {
    "cifar10": (
        ((5, 1, 2), (192, 160, 96), "max"),
        ((5, 1, 2), (192, 192, 192), "avg"),
        ((3, 1, 1), (192, 192, None), "global"),
    ),
    "imagenet": (
        ((11, 4, 0), (96, 96, 96), "max"),
        ((5, 1, 2), (256, 256, 256), "max"),
        ((3, 1, 1), (384, 384, 384), "max"),
        ((3, 1, 1), (1024, 1024, None), "global"),
    ),
}


class NiN(nn.Module):
    """The authors' network for CIFAR-10 or for ImageNet.

    Takes (B, in_channels, H, W), made for 32x32 and 224x224; smaller from 8 and 51 up, and larger, work,
    since the last map is averaged. Weights start from N(0, 0.05), as in the authors' CIFAR model, biases at
    0.
    """

    def __init__(self, num_classes: int = 10, *, model: str = "cifar10", in_channels: int = 3) -> None:
        super().__init__()
        if model not in MODELS:
            raise unknown("NiN model", model, MODELS)
        layers: list[nn.Module] = []
        channels = in_channels
        for (kernel, stride, padding), widths, pool in MODELS[model]:
            for i, width in enumerate(widths):
                maps = num_classes if width is None else width
                window = (kernel, stride, padding) if i == 0 else (1, 1, 0)
                layers += [nn.Conv2d(channels, maps, *window), nn.ReLU()]
                channels = maps
            if pool != "global":
                kind = nn.MaxPool2d if pool == "max" else nn.AvgPool2d
                layers += [kind(3, 2, ceil_mode=True), nn.Dropout(0.5)]
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 32, 32) -> (B, num_classes)."""
        x = self.features(x)  # (B, num_classes, 8, 8)
        return self.avgpool(x).flatten(1)


def init(module: nn.Module) -> None:
    """Draw weights from N(0, 0.05) and zero the biases."""
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.normal_(module.weight, std=0.05)
        nn.init.zeros_(module.bias)
