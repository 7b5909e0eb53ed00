"""The catalogue of networks to finetune on an ordinary machine."""

from striate.nets.catalog import errata
from striate.nets.catalog.entry import Entry
from striate.nets.papers import convnext, efficientnet, mobilenet_v2, mobilenet_v3, squeezenet

SMALL = {
    "squeezenet1_1": Entry(
        make=squeezenet.SqueezeNet,
        year=2016,
        paper="Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer, SqueezeNet",
        url="https://arxiv.org/abs/1602.07360",
        idea="few maps into each 3x3: AlexNet's accuracy with a fiftieth of its parameters",
        input=(3, 224, 224),
        num_classes=1000,
        params=1_235_496,
        macs=349_151_936,
        errata=errata.SQUEEZENET,
    ),
    "mobilenet_v2": Entry(
        make=mobilenet_v2.MobileNetV2,
        year=2018,
        paper="Sandler, Howard, Zhu, Zhmoginov, Chen, MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        url="https://arxiv.org/abs/1801.04381",
        idea="shortcuts between narrow maps, depthwise convolutions on wide ones",
        input=(3, 224, 224),
        num_classes=1000,
        params=3_504_872,
        macs=300_774_272,
        errata=errata.MOBILENET_V2,
    ),
    "mobilenet_v3_small": Entry(
        make=mobilenet_v3.MobileNetV3Small,
        year=2019,
        paper="Howard and others, Searching for MobileNetV3",
        url="https://arxiv.org/abs/1905.02244",
        idea="MobileNetV2 with squeeze-and-excitation and hard swish, sizes found by search",
        input=(3, 224, 224),
        num_classes=1000,
        params=2_542_856,
        macs=56_510_400,
    ),
    "efficientnet_b0": Entry(
        make=efficientnet.EfficientNetB0,
        year=2019,
        paper="Tan, Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        url="https://arxiv.org/abs/1905.11946",
        idea="depth, width and resolution scaled together from a searched network",
        input=(3, 224, 224),
        num_classes=1000,
        params=5_288_548,
        macs=385_814_752,
    ),
    "convnext_tiny": Entry(
        make=convnext.ConvNeXtTiny,
        year=2022,
        paper="Liu, Mao, Wu, Feichtenhofer, Darrell, Xie, A ConvNet for the 2020s",
        url="https://arxiv.org/abs/2201.03545",
        idea="a ResNet brought up to date with what vision transformers taught",
        input=(3, 224, 224),
        num_classes=1000,
        params=28_589_128,
        macs=4_455_531_264,
    ),
}
