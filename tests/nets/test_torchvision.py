"""Same keys, same shapes and, with the same weights, the same logits as torchvision."""

import pytest
import torch
from oracle import oracle
from torch import nn

from striate.nets import CATALOG, build

# Our name -> torchvision's, where they differ.
THEIRS = {"alexnet-torchvision": "alexnet", "googlenet-torchvision": "googlenet"}
LIGHT = [
    "googlenet-torchvision",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext50_32x4d",
    "squeezenet1_1",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "convnext_tiny",
]
HEAVY = [
    "alexnet-torchvision",
    *(f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn")),
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "resnext101_32x8d",
]
EVERY = [*LIGHT, *(pytest.param(name, marks=pytest.mark.slow) for name in HEAVY)]


def theirs(name: str) -> nn.Module:
    options = {"init_weights": False} if name.startswith("googlenet") else {}
    return getattr(oracle("torchvision.models"), THEIRS.get(name, name))(**options)


def scrambled(net: nn.Module) -> nn.Module:
    """Give every parameter and statistic a value of its own, of a size that keeps the logits moderate."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=generator)
            elif value.ndim > 1:
                value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
            elif value.is_floating_point():
                value.uniform_(-0.1, 0.1, generator=generator).add_(float(name.endswith("weight")))
    return net


@pytest.mark.parametrize("name", [*LIGHT, *HEAVY])
def test_keys_and_shapes_are_torchvisions(name: str) -> None:
    oracle("torchvision.models")
    with torch.device("meta"):
        ours, them = build(name).state_dict(), theirs(name).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in them.items()}
    assert list(ours) == list(them)


@pytest.mark.parametrize("name", EVERY)
def test_logits_are_torchvisions(name: str) -> None:
    them = scrambled(theirs(name)).eval()
    with torch.device("meta"):
        ours = build(name).eval()
    ours.load_state_dict(them.state_dict(), assign=True)
    side = max(CATALOG[name].smallest, 96)
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, found = them(images), ours(images)
    assert wanted.std() > 1e-3
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max().clamp_min(1)


def test_the_strides_of_resnet50_v1_are_not_torchvisions_although_its_keys_are() -> None:
    them = scrambled(theirs("resnet50")).eval()
    ours = build("resnet50-v1").eval()
    ours.load_state_dict(them.state_dict())
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert not torch.allclose(ours(images), them(images), rtol=0.1)


def test_googlenets_heads_are_torchvisions_in_training() -> None:
    them = scrambled(theirs("googlenet-torchvision"))
    ours = build("googlenet-torchvision")
    ours.load_state_dict(them.state_dict())
    for net in (ours, them):
        net.train()
        for module in net.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    wanted, found = them(images), ours(images)
    for ours_, them_ in (
        (found.logits, wanted.logits),
        (found.aux1, wanted.aux_logits1),
        (found.aux2, wanted.aux_logits2),
    ):
        assert (ours_ - them_).abs().max() <= 1e-5 * them_.abs().max().clamp_min(1)
