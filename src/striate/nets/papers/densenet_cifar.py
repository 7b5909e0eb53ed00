"""Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", CVPR 2017.

https://arxiv.org/abs/1608.06993, section 3 and table 2.

DenseNet for 32x32 images, with (BC) or without bottlenecks and compression.

Departures: none in layers or counts. The paper drops 0.2 where it does not augment; here `drop_rate` is 0.
"""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu

from striate.nets.papers.densenet import Stages, init

# Table 2: (depth, growth rate, with bottleneck and compression).
TABLE_2 = (
    (40, 12, False),
    (100, 12, False),
    (100, 24, False),
    (100, 12, True),
    (250, 24, True),
    (190, 40, True),
)


class CifarDenseNet(nn.Module):
    """A 3x3 stem and three blocks; `bottleneck` makes it the BC form.

    Takes (B, in_channels, H, W) of 4x4 and larger, made for 32x32. `checkpoint` is that of `DenseNet`.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        in_channels: int = 3,
        depth: int = 100,
        growth_rate: int = 12,
        bottleneck: bool = True,
        drop_rate: float = 0.0,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        width = 2 * growth_rate if bottleneck else 16
        layers = (depth - 4) // (6 if bottleneck else 3)
        stages = Stages(
            growth_rate=growth_rate, bottleneck=bottleneck, drop_rate=drop_rate, checkpoint=checkpoint
        )
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
        width = stages.add_to(self.features, width, (layers,) * 3)
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        self.apply(init)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        x = relu(self.features(x))  # (B, 342, 8, 8) for BC 100, growth rate 12, at 32
        x = adaptive_avg_pool2d(x, 1).flatten(1)
        return self.classifier(x)
