"""The numbers that papers print, or that their tables work out to, layer by layer and block by block."""

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from striate.nets import CATALOG, build
from striate.nets.contract import count
from striate.nets.papers.alexnet import AlexNet
from striate.nets.papers.googlenet import GoogLeNet, WithAuxiliary
from striate.nets.papers.resnet import ResNet
from striate.nets.papers.resnet_cifar import ResNetCIFAR
from striate.nets.papers.resnext import ResNeXtCIFAR


def ghost(name: str) -> nn.Module:
    with torch.device("meta"):
        return build(name)


def params(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def layers(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def shapes(net: nn.Module, modules: Iterable[nn.Module], side: int) -> list[tuple[int, ...]]:
    """Return the (C, H, W) that each of the modules gives for an image of the side."""
    found: list[tuple[int, ...]] = []
    handles = [m.register_forward_hook(lambda m, x, y: found.append(tuple(y.shape[1:]))) for m in modules]
    with torch.no_grad():
        net.eval()(torch.empty(1, 3, side, side, device="meta"))
    for handle in handles:
        handle.remove()
    return found


def test_alexnets_layers_have_the_parameters_of_the_paper() -> None:
    assert [params(layer) for layer in layers(ghost("alexnet"))] == [
        34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000,
    ]  # fmt: skip


def test_alexnets_maps_have_the_sizes_of_the_paper() -> None:
    net = ghost("alexnet")
    pools = [m for m in net.modules() if isinstance(m, nn.MaxPool2d)]
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert shapes(net, convs, 227) == [
        (96, 55, 55),
        (256, 27, 27),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
    ]
    assert shapes(net, pools, 227) == [(96, 27, 27), (256, 13, 13), (256, 6, 6)]


def test_alexnet_without_towers_has_the_parameters_and_macs_of_an_ungrouped_one() -> None:
    with torch.device("meta"):
        net = AlexNet(towers=1)
    assert count(net, (3, 227, 227)) == (62_378_344, 0, 1_135_256_096)


def test_alexnet_normalises_after_relu_and_before_pooling_with_the_papers_constants() -> None:
    net = AlexNet(num_classes=2)
    assert [type(m).__name__ for m in net.features][:4] == [
        "Conv2d",
        "ReLU",
        "LocalResponseNorm",
        "MaxPool2d",
    ]
    a = torch.rand(1, 96, 3, 3, generator=torch.Generator().manual_seed(0)) * 100
    i = 40
    near = a[:, i - 2 : i + 3].square().sum(1)  # the paper's n = 5 maps around map i
    wanted = a[:, i] / (2 + 1e-4 * near) ** 0.75
    assert torch.allclose(net.features[2](a)[:, i], wanted, rtol=1e-5)


def test_alexnet_starts_as_section_5_says() -> None:
    torch.manual_seed(0)
    net = AlexNet(num_classes=10)
    starts = [layer.bias.unique().tolist() for layer in layers(net)]
    assert starts == [[0.0], [1.0], [0.0], [1.0], [1.0], [1.0], [1.0], [0.0]]
    assert [layer.weight.std().item() for layer in layers(net)] == pytest.approx([0.01] * 8, rel=0.03)


def test_zfnets_maps_have_the_sizes_of_figure_3() -> None:
    net = ghost("zfnet")
    spatial = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    assert shapes(net, spatial, 224) == [
        (96, 110, 110), (96, 55, 55), (256, 26, 26), (256, 13, 13),
        (384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "weight_layers", "millions"),
    [
        ("vgg11", 11, 133),
        ("vgg11-lrn", 11, 133),
        ("vgg13", 13, 133),
        ("vgg16c", 16, 134),
        ("vgg16", 16, 138),
        ("vgg19", 19, 144),
    ],
)
def test_vgg_has_the_weight_layers_and_millions_of_parameters_of_tables_1_and_2(
    name: str, weight_layers: int, millions: int
) -> None:
    net = ghost(name)
    assert len(layers(net)) == weight_layers
    assert round(params(net) / 1e6) == millions


def test_vgg16cs_third_convolutions_are_1x1() -> None:
    kernels = [m.kernel_size[0] for m in ghost("vgg16c").modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]


# Table 1 of the paper: block, output size, parameters and multiply-adds (millions) by exact arithmetic.
GOOGLENET = [
    ("conv1", (64, 112, 112), 9_472, 118.0),
    ("conv2 conv3", (192, 56, 56), 114_944, 359.7),
    ("inception3a", (256, 28, 28), 163_696, 128.0),
    ("inception3b", (480, 28, 28), 388_736, 304.3),
    ("inception4a", (512, 14, 14), 376_176, 73.6),
    ("inception4b", (512, 14, 14), 449_160, 87.9),
    ("inception4c", (512, 14, 14), 510_104, 99.9),
    ("inception4d", (528, 14, 14), 605_376, 118.5),
    ("inception4e", (832, 14, 14), 868_352, 170.0),
    ("inception5a", (832, 7, 7), 1_043_456, 51.1),
    ("inception5b", (1024, 7, 7), 1_444_080, 70.7),
    ("fc", (1000,), 1_025_000, 1.0),
]


@pytest.mark.parametrize(("names", "size", "parameters", "millions"), GOOGLENET)
def test_googlenets_blocks_agree_with_table_1(
    names: str, size: tuple[int, ...], parameters: int, millions: float
) -> None:
    net = ghost("googlenet")
    blocks = [net.get_submodule(name) for name in names.split()]
    assert params(*blocks) == parameters
    assert shapes(net, blocks[-1:], 224) == [size]
    convs = [layer for block in blocks for layer in layers(block)]
    places = [out[-1] ** 2 if len(out) == 3 else 1 for out in shapes(net, convs, 224)]
    macs = sum(layer.weight.numel() * place for layer, place in zip(convs, places, strict=True))
    assert round(macs / 1e6, 1) == millions


def test_googlenets_auxiliary_heads_are_counted_apart() -> None:
    net = ghost("googlenet")
    heads = net.get_submodule("aux1"), net.get_submodule("aux2")
    assert [params(head) for head in heads] == [3_188_840, 3_190_888]
    assert params(net) == 13_378_280
    assert params(ghost("googlenet-torchvision")) == 13_004_888


def test_googlenet_gives_logits_and_those_of_its_heads_in_training_and_logits_alone_in_eval() -> None:
    net = GoogLeNet(5)
    images = torch.randn(2, 3, 32, 32)
    result = net.train()(images)
    assert isinstance(result, WithAuxiliary)
    assert [tuple(part.shape) for part in result] == [(2, 5), (2, 5), (2, 5)]
    assert isinstance(net.eval()(images), Tensor)
    assert isinstance(GoogLeNet(5, auxiliary=False).train()(images), Tensor)


def test_googlenets_head_pools_5x5_with_stride_3_as_section_5_says() -> None:
    head = GoogLeNet(5).aux1
    assert head is not None
    seen: list[Tensor] = []
    head.conv.register_forward_hook(lambda m, x, y: seen.append(x[0]))
    maps = torch.rand(1, 512, 14, 14)
    head.eval()(maps)
    assert torch.allclose(seen[0][0, 0, 1, 2], maps[0, 0, 3:8, 6:11].mean())


@pytest.mark.parametrize(("depth", "wanted"), [(18, 11_515_688), (34, 21_623_848)])
def test_resnets_with_padded_shortcuts_have_option_as_parameters(depth: int, wanted: int) -> None:
    with torch.device("meta"):
        assert params(ResNet(depth=depth, shortcuts="A")) == wanted


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("resnet18", 1.8),
        ("resnet34", 3.6),
        ("resnet50-v1", 3.8),
        ("resnet101-v1", 7.6),
        ("resnet152-v1", 11.3),
    ],
)
# That the multiply-adds of the catalogue are the networks' is what the contract checks.
def test_resnets_multiply_adds_are_those_of_table_1(name: str, billions: float) -> None:
    # The paper rounds 3.664 and 3.858 down, 7.570 up.
    assert CATALOG[name].macs / 1e9 == pytest.approx(billions, abs=0.07)


def test_resnets_maps_have_the_sizes_of_table_1() -> None:
    net = ghost("resnet50")
    stages = [net.get_submodule(f"layer{i}") for i in (1, 2, 3, 4)]
    stem = [net.get_submodule("conv1"), net.get_submodule("maxpool")]
    assert shapes(net, stem, 224) == [(64, 112, 112), (64, 56, 56)]
    blocks = [stage[-1] for stage in stages if isinstance(stage, nn.Sequential)]
    assert shapes(net, blocks, 224) == [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]


@pytest.mark.parametrize(
    ("depth", "printed"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7), (1202, 19.4)]
)  # fmt: skip
def test_cifar_resnets_have_the_depth_and_parameters_of_table_6(depth: int, printed: float) -> None:
    with torch.device("meta"):
        net = ResNetCIFAR(depth=depth)
    assert len(layers(net)) == depth
    assert round(params(net) / 1e6, 2 if printed < 1 else 1) == printed


@pytest.mark.parametrize(
    ("name", "weight_layers", "millions"),
    [("wrn-16-8", 16, 11.0), ("wrn-28-10", 28, 36.5), ("wrn-40-4", 40, 8.9)],
)
def test_wide_resnets_have_the_depth_and_parameters_of_the_paper(
    name: str, weight_layers: int, millions: float
) -> None:
    net = ghost(name)
    # The paper counts convolutions, the three 1x1 shortcuts among them, and not the classifier: 6n + 4.
    assert len(layers(net)) - 1 == weight_layers
    assert round(params(net) / 1e6, 1) == millions


@pytest.mark.parametrize(("name", "weight_layers"), [("preresnet110", 110), ("preresnet164", 164)])
def test_preactivated_resnets_have_the_depth_of_their_names(name: str, weight_layers: int) -> None:
    net = ghost(name)
    shortcuts = [m for key, m in net.named_modules() if key.endswith("downsample")]
    assert len(layers(net)) - sum(isinstance(m, nn.Conv2d) for m in shortcuts) == weight_layers


def test_preactivated_shortcuts_carry_the_input_unchanged() -> None:
    net = build("preresnet164")
    unit = net.get_submodule("layer1.1")
    x = torch.randn(2, 64, 4, 4)
    nn.init.zeros_(unit.get_submodule("conv3").weight)
    assert torch.equal(unit(x), x)


@pytest.mark.parametrize(("cardinality", "millions"), [(8, 34.4), (16, 68.2)])
def test_cifar_resnexts_have_the_parameters_of_the_paper(cardinality: int, millions: float) -> None:
    with torch.device("meta"):
        assert round(params(ResNeXtCIFAR(cardinality=cardinality)) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("resnext50_32x4d", 4.2),
        ("mobilenet_v2", 0.30),
        ("mobilenet_v3_small", 0.056),
        ("efficientnet_b0", 0.39),
        ("convnext_tiny", 4.5),
    ],
)
def test_multiply_adds_are_the_papers_to_its_last_digit(name: str, billions: float) -> None:
    assert CATALOG[name].macs / 1e9 == pytest.approx(billions, rel=0.02)
