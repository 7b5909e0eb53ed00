"""Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, 2020.

https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html; the table is
that of Tan, Le, "EfficientNet", 2019, https://arxiv.org/abs/1905.11946.

EfficientNet-B0 for phones: no squeeze-and-excitation, ReLU6 for swish, so that it stays accurate in int8.

Departures: no stochastic depth. A convolution of stride 2 pads as TensorFlow does, with one pixel more at the
end; `form="torch"` pads both sides alike and has torch's norm epsilon, for weights trained so.
"""

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, dropout, pad, relu6

# Table 1 of EfficientNet: expansion, kernel, stride of the first block, maps, blocks.
TABLE_1 = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
Form = Literal["tensorflow", "torch"]


class StridedConv2d(nn.Conv2d):
    """A bias-free convolution that pads to ceil(size / stride), on both sides alike or as TensorFlow does."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, stride: int, groups: int, form: Form
    ) -> None:
        both = kernel // 2 if form == "torch" or stride == 1 else 0
        super().__init__(in_channels, out_channels, kernel, stride, both, groups=groups, bias=False)
        self.asymmetric = form == "tensorflow" and stride > 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride))."""
        if self.asymmetric:
            (k, _), (s, _) = self.kernel_size, self.stride
            wants = [max((-(-n // s) - 1) * s + k - n, 0) for n in (x.shape[3], x.shape[2])]
            x = pad(x, [side for want in wants for side in (want // 2, want - want // 2)])
        return super().forward(x)


class DepthwiseSeparable(nn.Module):
    """The first block, which has nothing to expand: depthwise, then 1x1."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(
            in_channels, in_channels, kernel, padding=kernel // 2, groups=in_channels, bias=False
        )
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv_pw = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H, W)."""
        x = relu6(self.bn1(self.conv_dw(x)))
        return self.bn2(self.conv_pw(x))


class InvertedResidual(nn.Module):
    """1x1 to `expansion` times the maps, depthwise, 1x1 back; with a shortcut where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int, form: Form) -> None:
        super().__init__()
        width = 6 * in_channels
        self.conv_pw = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_dw = StridedConv2d(width, width, kernel, stride=stride, groups=width, form=form)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv_pwl = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride))."""
        y = relu6(self.bn1(self.conv_pw(x)))
        y = relu6(self.bn2(self.conv_dw(y)))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0. Takes (B, in_channels, H, W) of 32x32 and larger, made for 224x224."""

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        form: Form = "tensorflow",
        drop_rate: float = 0.2,
    ) -> None:
        super().__init__()
        self.conv_stem = StridedConv2d(in_channels, 32, 3, stride=2, groups=1, form=form)
        self.bn1 = nn.BatchNorm2d(32)
        self.blocks = nn.Sequential()
        width = 32
        for expansion, kernel, first_stride, out_channels, num_blocks in TABLE_1:
            stage = nn.Sequential()
            for j in range(num_blocks):
                stride = 1 if j else first_stride
                stage.append(
                    DepthwiseSeparable(width, out_channels, kernel)
                    if expansion == 1
                    else InvertedResidual(width, out_channels, kernel=kernel, stride=stride, form=form)
                )
                width = out_channels
            self.blocks.append(stage)
        self.conv_head = nn.Conv2d(width, 1280, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, num_classes)
        self.drop_rate = drop_rate
        self.apply(init)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3 if form == "tensorflow" else 1e-5

    def features(self, x: Tensor) -> Tensor:
        """(B, C, 224, 224) -> (B, 1280, 7, 7)."""
        x = relu6(self.bn1(self.conv_stem(x)))  # (B, 32, 112, 112)
        x = self.blocks(x)  # (B, 320, 7, 7)
        return relu6(self.bn2(self.conv_head(x)))  # (B, 1280, 7, 7)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        x = adaptive_avg_pool2d(self.features(x), 1).flatten(1)  # (B, 1280)
        return self.classifier(dropout(x, self.drop_rate, self.training))


def init(module: nn.Module) -> None:
    """Draw convolutions by He et al.'s rule over their outputs, as EfficientNet does."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
