"""The catalogue from AlexNet to GoogLeNet: networks without shortcuts."""

from dataclasses import replace

from striate.nets.catalog import errata
from striate.nets.catalog.entry import Entry
from striate.nets.papers import alexnet, googlenet, nin, vgg, zfnet

ALEXNET = Entry(
    make=alexnet.AlexNet,
    year=2012,
    paper="Krizhevsky, Sutskever, Hinton, ImageNet Classification with Deep Convolutional Neural Networks",
    url="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
    idea="ReLU, overlapping pooling, response norm, dropout; two towers on two GPUs",
    input=(3, 227, 227),
    num_classes=1000,
    params=60_965_224,
    macs=724_406_816,
    smallest=67,
    errata=errata.ALEXNET,
)
VGG = Entry(
    make=vgg.VGG,
    year=2014,
    paper="Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition",
    url="https://arxiv.org/abs/1409.1556",
    idea="stacks of 3x3 convolutions in place of large ones",
    input=(3, 224, 224),
    num_classes=1000,
    params=138_357_544,
    macs=15_470_264_320,
    errata=errata.VGG,
)
VGG_BN = replace(VGG, idea="VGG with batch norms", errata=(*errata.VGG_BN, *errata.VGG))
NIN = Entry(
    make=nin.NiN,
    year=2013,
    paper="Lin, Chen, Yan, Network In Network",
    url="https://arxiv.org/abs/1312.4400",
    idea="1x1 convolutions as a small network at each place; global average pooling in place of layers",
    input=(3, 32, 32),
    num_classes=10,
    params=966_986,
    macs=222_486_528,
    smallest=8,
    errata=errata.NIN,
)
GOOGLENET = Entry(
    make=googlenet.GoogLeNet,
    year=2014,
    paper="Szegedy and others, Going Deeper with Convolutions",
    url="https://arxiv.org/abs/1409.4842",
    idea="filters of several sizes side by side behind 1x1 reductions; auxiliary classifiers",
    input=(3, 224, 224),
    num_classes=1000,
    params=6_998_552,
    macs=1_582_671_872,
    auxiliary=6_379_728,
    errata=errata.GOOGLENET,
)

PLAIN = {
    "alexnet": ALEXNET,
    "alexnet-torchvision": Entry(
        make=alexnet.AlexNetTorchvision,
        year=2014,
        paper="Krizhevsky, One weird trick for parallelizing convolutional neural networks",
        url="https://arxiv.org/abs/1404.5997",
        idea="AlexNet in one tower, as torchvision codes it",
        input=(3, 224, 224),
        num_classes=1000,
        params=61_100_840,
        macs=714_188_480,
        smallest=63,
        errata=errata.ALEXNET_TORCHVISION,
    ),
    "zfnet": Entry(
        make=zfnet.ZFNet,
        year=2013,
        paper="Zeiler, Fergus, Visualizing and Understanding Convolutional Networks",
        url="https://arxiv.org/abs/1311.2901",
        idea="AlexNet with a finer first layer, found by looking at its features",
        input=(3, 224, 224),
        num_classes=1000,
        params=62_357_608,
        macs=1_168_032_896,
        smallest=47,
        errata=errata.ZFNET,
    ),
    "vgg11": replace(VGG, settings={"column": "A"}, params=132_863_336, macs=7_609_090_048),
    "vgg11-lrn": replace(VGG, settings={"column": "A-LRN"}, params=132_863_336, macs=7_609_090_048),
    "vgg13": replace(VGG, settings={"column": "B"}, params=133_047_848, macs=11_308_466_176),
    "vgg16c": replace(VGG, settings={"column": "C"}, params=133_638_952, macs=11_770_888_192),
    "vgg16": replace(VGG, settings={"column": "D"}),
    "vgg19": replace(VGG, settings={"column": "E"}, params=143_667_240, macs=19_632_062_464),
    "vgg11_bn": replace(
        VGG_BN, settings={"column": "A", "batch_norm": True}, params=132_868_840, macs=7_609_090_048
    ),
    "vgg13_bn": replace(
        VGG_BN, settings={"column": "B", "batch_norm": True}, params=133_053_736, macs=11_308_466_176
    ),
    "vgg16_bn": replace(VGG_BN, settings={"column": "D", "batch_norm": True}, params=138_365_992),
    "vgg19_bn": replace(
        VGG_BN, settings={"column": "E", "batch_norm": True}, params=143_678_248, macs=19_632_062_464
    ),
    "nin": NIN,
    "nin-imagenet": replace(
        NIN,
        settings={"model": "imagenet"},
        input=(3, 224, 224),
        num_classes=1000,
        params=7_595_176,
        macs=1_100_188_800,
        smallest=39,
    ),
    "googlenet": GOOGLENET,
    "googlenet-torchvision": replace(
        GOOGLENET,
        settings={"form": "torchvision"},
        idea="GoogLeNet as torchvision codes it",
        params=6_624_904,
        macs=1_498_376_192,
        auxiliary=6_379_984,
        errata=errata.GOOGLENET_TORCHVISION,
    ),
}
