"""The catalogue from DenseNet to dual path networks, and EfficientNet-Lite0."""

from dataclasses import replace

from striate.nets.catalog.entry import Entry
from striate.nets.papers import densenet, densenet_cifar, dpn, efficientnet_lite

DENSENET = Entry(
    make=densenet.DenseNet,
    year=2017,
    paper="Huang, Liu, van der Maaten, Weinberger, Densely Connected Convolutional Networks",
    url="https://arxiv.org/abs/1608.06993",
    idea="each layer reads the maps of all layers before it",
    input=(3, 224, 224),
    num_classes=1000,
    params=7_978_856,
    macs=2_834_161_664,
)
DENSENET_CIFAR = replace(
    DENSENET,
    make=densenet_cifar.CifarDenseNet,
    input=(3, 32, 32),
    num_classes=10,
    params=769_162,
    macs=287_929_692,
    settings={"depth": 100, "growth_rate": 12},
)
DPN = Entry(
    make=dpn.DPN,
    year=2017,
    paper="Chen, Li, Xiao, Jin, Yan, Feng, Dual Path Networks",
    url="https://arxiv.org/abs/1707.01629",
    idea="ResNet and DenseNet in one: maps that are added to, beside maps that are appended",
    input=(3, 224, 224),
    num_classes=1000,
    params=37_668_392,
    macs=6_501_684_224,
    settings={"depth": 92},
)

DENSE = {
    "densenet121": replace(DENSENET, settings={"depth": 121}),
    "densenet161": replace(DENSENET, settings={"depth": 161}, params=28_681_000, macs=7_727_907_072),
    "densenet169": replace(DENSENET, settings={"depth": 169}, params=14_149_480, macs=3_359_843_328),
    "densenet201": replace(DENSENET, settings={"depth": 201}, params=20_013_928, macs=4_291_365_888),
    "densenet264": replace(DENSENET, settings={"depth": 264}, params=33_337_704, macs=5_751_653_376),
    "densenet40-k12": replace(
        DENSENET_CIFAR,
        settings={"depth": 40, "growth_rate": 12, "bottleneck": False},
        params=1_019_722,
        macs=264_812_928,
    ),
    "densenet100-k12": replace(
        DENSENET_CIFAR,
        settings={"depth": 100, "growth_rate": 12, "bottleneck": False},
        params=6_979_642,
        macs=1_769_516_448,
    ),
    "densenet100-k24": replace(
        DENSENET_CIFAR,
        settings={"depth": 100, "growth_rate": 24, "bottleneck": False},
        params=27_249_082,
        macs=6_889_347_744,
    ),
    "densenet-bc100-k12": DENSENET_CIFAR,
    "densenet-bc190-k40": replace(
        DENSENET_CIFAR,
        settings={"depth": 190, "growth_rate": 40},
        params=25_624_430,
        macs=9_301_945_740,
    ),
    "densenet-bc250-k24": replace(
        DENSENET_CIFAR,
        settings={"depth": 250, "growth_rate": 24},
        params=15_324_406,
        macs=5_418_785_724,
    ),
    "dpn68": replace(
        DPN,
        settings={"depth": 68},
        params=12_611_602,
        macs=2_326_163_456,
        errata=("The authors' table gives 2.5 GFLOPs; the released network has 2.33 G multiply-adds.",),
    ),
    "dpn92": DPN,
    "dpn98": replace(DPN, settings={"depth": 98}, params=61_570_728, macs=11_671_217_152),
    "dpn107": replace(DPN, settings={"depth": 107}, params=86_917_800, macs=18_298_764_288),
    "dpn131": replace(DPN, settings={"depth": 131}, params=79_254_504, macs=16_013_648_896),
    "efficientnet_lite0": Entry(
        make=efficientnet_lite.EfficientNetLite0,
        year=2020,
        paper="Liu, Higher accuracy on vision models with EfficientNet-Lite",
        url="https://blog.tensorflow.org/2020/03/"
        "higher-accuracy-on-vision-models-with-efficientnet-lite.html",
        idea="EfficientNet-B0 without what int8 hardware dislikes",
        input=(3, 224, 224),
        num_classes=1000,
        params=4_652_008,
        macs=385_187_552,
    ),
}
