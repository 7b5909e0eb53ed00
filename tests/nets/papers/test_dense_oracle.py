"""DenseNet against torchvision, DPN and EfficientNet-Lite0 against timm: keys, shapes, logits to 1e-5."""

import warnings
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from torch import nn

from striate.nets.papers.densenet import DenseNet
from striate.nets.papers.dpn import DPN, TABLE_1
from striate.nets.papers.efficientnet_lite import EfficientNetLite0

if find_spec("torchvision") is None or find_spec("timm") is None:
    pytest.skip("needs torchvision and timm", allow_module_level=True)


@pytest.fixture(scope="module")
def timm() -> ModuleType:
    """Import torchvision beside a CPU torch: the operators its wheel lacks are declared first."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in (
        "nms(Tensor a, Tensor b, float c) -> Tensor",
        "qnms(Tensor a, Tensor b, float c) -> Tensor",
    ):
        if not hasattr(torch.ops.torchvision, operator.partition("(")[0]):
            library.define(operator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("timm")


def assert_same_network(ours: nn.Module, theirs: nn.Module) -> None:
    ours, theirs = ours.eval(), theirs.eval()
    state = theirs.state_dict()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in state.items()}
    ours.load_state_dict(state)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("depth", [121, 161, 169, 201])
def test_densenet_is_torchvisions(timm: ModuleType, depth: int) -> None:
    models = pytest.importorskip("torchvision.models")
    assert_same_network(DenseNet(depth=depth), getattr(models, f"densenet{depth}")())


@pytest.mark.parametrize("depth", [d for d in TABLE_1 if d in (68, 92)])
def test_dpn_is_timms(timm: ModuleType, depth: int) -> None:
    assert_same_network(DPN(depth=depth), timm.create_model(f"dpn{depth}"))


@pytest.mark.slow
@pytest.mark.parametrize("depth", [d for d in TABLE_1 if d not in (68, 92)])
def test_a_large_dpn_is_timms(timm: ModuleType, depth: int) -> None:
    assert_same_network(DPN(depth=depth), timm.create_model(f"dpn{depth}"))


@pytest.mark.parametrize(
    ("form", "name"), [("tensorflow", "tf_efficientnet_lite0"), ("torch", "efficientnet_lite0")]
)
def test_efficientnet_lite0_is_timms(timm: ModuleType, form: str, name: str) -> None:
    ours = EfficientNetLite0(form=form)  # type: ignore[arg-type]
    assert_same_network(ours, timm.create_model(name))
