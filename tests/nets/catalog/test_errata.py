"""The numbers in the errata, worked out."""

import pytest
import torch
from torch import nn

from striate.nets import CATALOG, build
from striate.nets.catalog import errata
from striate.nets.papers.resnet_cifar import ResNetCIFAR


def ghost(name: str) -> nn.Module:
    with torch.device("meta"):
        return build(name)


def params(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def texts(name: str) -> str:
    return " ".join(getattr(errata, name))


def test_alexnets_224_pixels_give_no_whole_number_of_places() -> None:
    assert (224 - 11) / 4 + 1 == 54.25
    assert (227 - 11) / 4 + 1 == 55
    assert "54.25" in texts("ALEXNET")


def test_alexnets_neurons() -> None:
    assert 55 * 48 * 96 == 253_440
    maps = [96 * 55**2, 256 * 27**2, 384 * 13**2, 384 * 13**2, 256 * 13**2]
    assert maps[0] == 290_400
    assert sum(maps) + 4096 + 4096 + 1000 == 659_272
    assert all(number in texts("ALEXNET") for number in ("253,440", "290,400", "659,272"))


def test_vgg16s_fully_connected_layers_and_flops() -> None:
    assert params(ghost("vgg16").get_submodule("classifier")) == 123_642_856
    assert CATALOG["vgg16"].params == 138_357_544
    assert CATALOG["vgg16"].macs == 15_470_264_320
    assert 2 * CATALOG["vgg16"].macs == pytest.approx(30.9e9, rel=0.002)
    assert all(number in texts("VGG") for number in ("138,357,544", "123,642,856", "15,470,264,320", "30.9"))


def test_googlenets_112k_are_weights_in_units_of_1024() -> None:
    net = ghost("googlenet")
    weights = [net.get_submodule(f"{name}.conv").weight.numel() for name in ("conv2", "conv3")]
    assert sum(weights) == 114_688 == 112 * 1024


# Block, and what table 1 prints for it in units of 1,024 weights.
TABLE_1 = {
    "conv1": 2.7, "conv2 conv3": 112, "3a": 159, "3b": 380, "4a": 364, "4b": 437, "4c": 463, "4d": 580,
    "4e": 840, "5a": 1072, "5b": 1388,
}  # fmt: skip


def test_googlenets_table_of_parameters_is_wrong_in_the_rows_named() -> None:
    net = ghost("googlenet")
    wrong = {}
    for row, printed in TABLE_1.items():
        names = row.split() if row.startswith("conv") else [f"inception{row}"]
        blocks = [net.get_submodule(name) for name in names]
        weights = sum(p.numel() for b in blocks for p in b.parameters() if p.ndim == 4) / 1024
        if abs(weights / printed - 1) > 0.01:
            wrong[row] = round(weights, 1)
    assert wrong == {"conv1": 9.2, "4c": 497.5, "4d": 590.5, "5a": 1018.0, "5b": 1409.0}
    assert all(f"{number:g}K" in texts("GOOGLENET") for number in wrong.values())


def test_googlenets_heads() -> None:
    assert round(CATALOG["googlenet"].params / 1e6, 1) == 7.0
    assert round((CATALOG["googlenet"].params + CATALOG["googlenet"].auxiliary) / 1e6, 1) == 13.4
    torchvision = CATALOG["googlenet-torchvision"]
    assert round(torchvision.params / 1e6, 1) == 6.6
    assert round((torchvision.params + torchvision.auxiliary) / 1e6, 1) == 13.0


@pytest.mark.parametrize(
    ("name", "billions"), [("resnet50", "4.09"), ("resnet101", "7.80"), ("resnet152", "11.51")]
)
def test_the_multiply_adds_of_both_resnets(name: str, billions: str) -> None:
    assert f"{CATALOG[name].macs / 1e9:.2f}" == billions
    assert CATALOG[f"{name}-v1"].macs < CATALOG[name].macs
    assert CATALOG[f"{name}-v1"].params == CATALOG[name].params
    assert billions in texts("RESNET")
    assert billions in texts("RESNET_V1")


def test_resnet20_with_projections() -> None:
    assert params(ResNetCIFAR(depth=20, shortcuts="B")) == 272_474
    assert "272,474" in texts("RESNET_CIFAR")


def test_preresnet1001_without_its_norms() -> None:
    net = ghost("preresnet1001")
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert params(net) == 10_327_706
    assert params(net) - params(*norms) == 10_178_490
    assert "10,178,490" in texts("PRERESNET")
    assert "10,327,706" in texts("PRERESNET")


def test_mobilenet_v2_has_more_than_its_3_4_million() -> None:
    assert params(ghost("mobilenet_v2")) == 3_504_872
    assert "3,504,872" in texts("MOBILENET_V2")


def test_every_family_of_errata_is_shown_by_some_network() -> None:
    shown = {text for entry in CATALOG.values() for text in entry.errata}
    families = [value for key, value in vars(errata).items() if key.isupper()]
    assert all(set(family) <= shown for family in families)
