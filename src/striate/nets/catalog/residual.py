"""The catalogue of residual networks: ResNet, its pre-activated, wide and many-pathed kin."""

from dataclasses import replace

from striate.nets.catalog import errata
from striate.nets.catalog.entry import Entry
from striate.nets.papers import preresnet, resnet, resnet_cifar, resnext, wideresnet

RESNET = Entry(
    make=resnet.ResNet,
    year=2015,
    paper="He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition",
    url="https://arxiv.org/abs/1512.03385",
    idea="shortcuts: a block learns what to add to its input",
    input=(3, 224, 224),
    num_classes=1000,
    params=25_557_032,
    macs=4_089_184_256,
    errata=errata.RESNET,
)
RESNET_V1 = replace(RESNET, idea="ResNet with its strides as published", errata=errata.RESNET_V1)
RESNET_BASIC = replace(RESNET, errata=errata.RESNET_BASIC)
RESNET_CIFAR = replace(
    RESNET,
    make=resnet_cifar.ResNetCIFAR,
    idea="thin residual networks for small images, shortcuts without parameters",
    input=(3, 32, 32),
    num_classes=10,
    smallest=8,
    errata=errata.RESNET_CIFAR,
)
PRERESNET = Entry(
    make=preresnet.PreResNet,
    year=2016,
    paper="He, Zhang, Ren, Sun, Identity Mappings in Deep Residual Networks",
    url="https://arxiv.org/abs/1603.05027",
    idea="norm and ReLU before each convolution, so that the shortcut is a clean identity",
    input=(3, 32, 32),
    num_classes=10,
    params=1_703_258,
    macs=244_500_992,
    smallest=8,
    errata=errata.PRERESNET,
)
WIDE = Entry(
    make=wideresnet.WideResNet,
    year=2016,
    paper="Zagoruyko, Komodakis, Wide Residual Networks",
    url="https://arxiv.org/abs/1605.07146",
    idea="wide and shallow in place of thin and deep",
    input=(3, 32, 32),
    num_classes=10,
    params=10_961_370,
    macs=1_548_145_664,
    smallest=8,
)
RESNEXT = Entry(
    make=resnext.ResNeXt,
    year=2016,
    paper="Xie, Girshick, Dollár, Tu, He, Aggregated Residual Transformations for Deep Neural Networks",
    url="https://arxiv.org/abs/1611.05431",
    idea="many narrow paths in each block, as one grouped convolution",
    input=(3, 224, 224),
    num_classes=1000,
    params=25_028_904,
    macs=4_230_479_872,
)

RESIDUAL = {
    "resnet18": replace(RESNET_BASIC, settings={"depth": 18}, params=11_689_512, macs=1_814_073_344),
    "resnet34": replace(RESNET_BASIC, settings={"depth": 34}, params=21_797_672, macs=3_663_761_408),
    "resnet50": replace(RESNET, settings={"depth": 50}),
    "resnet101": replace(RESNET, settings={"depth": 101}, params=44_549_160, macs=7_801_405_440),
    "resnet152": replace(RESNET, settings={"depth": 152}, params=60_192_808, macs=11_513_626_624),
    "resnet50-v1": replace(RESNET_V1, settings={"depth": 50, "strided": "1x1"}, macs=3_857_973_248),
    "resnet101-v1": replace(
        RESNET_V1, settings={"depth": 101, "strided": "1x1"}, params=44_549_160, macs=7_570_194_432
    ),
    "resnet152-v1": replace(
        RESNET_V1, settings={"depth": 152, "strided": "1x1"}, params=60_192_808, macs=11_282_415_616
    ),
    "resnet20": replace(RESNET_CIFAR, settings={"depth": 20}, params=269_722, macs=40_551_040),
    "resnet32": replace(RESNET_CIFAR, settings={"depth": 32}, params=464_154, macs=68_862_592),
    "resnet44": replace(RESNET_CIFAR, settings={"depth": 44}, params=658_586, macs=97_174_144),
    "resnet56": replace(RESNET_CIFAR, settings={"depth": 56}, params=853_018, macs=125_485_696),
    "resnet110": replace(RESNET_CIFAR, settings={"depth": 110}, params=1_727_962, macs=252_887_680),
    "resnet1202": replace(RESNET_CIFAR, settings={"depth": 1202}, params=19_421_274, macs=2_829_238_912),
    "preresnet110": replace(PRERESNET, settings={"depth": 110}, params=1_727_962, macs=252_887_680),
    "preresnet164": replace(PRERESNET, settings={"depth": 164}),
    "preresnet1001": replace(PRERESNET, settings={"depth": 1001}, params=10_327_706, macs=1_487_849_984),
    "wrn-16-8": replace(WIDE, settings={"depth": 16, "k": 8}),
    "wrn-28-10": replace(WIDE, settings={"depth": 28, "k": 10}, params=36_479_194, macs=5_243_328_768),
    "wrn-40-4": replace(WIDE, settings={"depth": 40, "k": 4}, params=8_949_210, macs=1_298_582_016),
    "wide_resnet50_2": replace(
        WIDE,
        make=resnet.ResNet,
        settings={"depth": 50, "width": 128},
        input=(3, 224, 224),
        num_classes=1000,
        params=68_883_240,
        macs=11_398_021_120,
        smallest=32,
        errata=errata.WIDE_RESNET50,
    ),
    "resnext50_32x4d": replace(RESNEXT, settings={"depth": 50, "cardinality": 32, "width": 4}),
    "resnext101_32x8d": replace(
        RESNEXT,
        settings={"depth": 101, "cardinality": 32, "width": 8},
        params=88_791_336,
        macs=16_414_015_488,
    ),
    "resnext29_8x64d": replace(
        RESNEXT,
        make=resnext.ResNeXtCIFAR,
        settings={"depth": 29, "cardinality": 8, "width": 64},
        input=(3, 32, 32),
        num_classes=10,
        params=34_426_698,
        macs=5_387_266_048,
        smallest=8,
        errata=errata.RESNEXT_CIFAR,
    ),
}
