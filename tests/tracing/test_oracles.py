"""Networks of others: torchvision's published counts, timm's, and torch's own counter on both.

They run where tests/oracles.txt is installed, as `make test` does.
"""

import copy
import random
from typing import Any

import pytest
import torch
from oracle import oracle
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import striate
from striate.tracing.meta import hollow

TORCHVISION = (
    *("alexnet", "vgg16", "googlenet", "resnet18", "resnet50", "densenet121", "densenet201", "squeezenet1_1"),
    *("mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet1_0", "efficientnet_b0"),
    *("regnet_y_400mf", "convnext_tiny", "resnext50_32x4d", "inception_v3"),
)
# timm's results table, in parameters.
TIMM = {
    "dpn68": 12_611_602,
    "dpn92": 37_668_392,
    "dpn98": 61_570_728,
    "resnet50": 25_557_032,
    "vit_tiny_patch16_224": 5_717_416,
}
# Receptive fields of the literature, by torchvision's strides.
FIELDS = {"alexnet": 195, "vgg16": 212, "resnet18": 435, "resnet50": 427}


@pytest.fixture(scope="module")
def torchvision() -> Any:
    return oracle("torchvision")


@pytest.fixture(scope="module")
def timm() -> Any:
    return oracle("timm")


def flops(module: nn.Module, shape: tuple[int, ...]) -> int:
    counter = FlopCounterMode(display=False)
    twin = copy.deepcopy(module).eval().to("meta")
    with counter, torch.no_grad():
        twin(torch.empty(1, *shape, device="meta"))
    return int(counter.get_total_flops())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_s_published_counts(torchvision: Any, name: str) -> None:
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    side = 299 if name == "inception_v3" else 224
    settings = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    module = hollow(lambda: torchvision.models.get_model(name, **settings))
    found = striate.summary(module, (3, side, side)).total
    published = found.params if name == "googlenet" else found.params + found.train_only
    assert published == meta["num_params"]
    assert round(found.macs / 1e9, 3) == meta["_ops"]
    assert 2 * found.macs == flops(module, (3, side, side))


@pytest.mark.parametrize("name", FIELDS)
def test_receptive_fields_of_the_literature(torchvision: Any, name: str) -> None:
    module = hollow(lambda: torchvision.models.get_model(name))
    layers = striate.summary(module, (3, 224, 224)).layers
    maps = [layer for layer in layers if len(layer.output) == 3 and "adaptive" not in layer.op]
    assert maps[-1].receptive_field == (FIELDS[name], FIELDS[name])


@pytest.mark.parametrize("name", TIMM)
def test_timm_s_published_parameters(timm: Any, name: str) -> None:
    module = timm.create_model(name)
    found = striate.summary(module, (3, 224, 224)).total
    assert found.params == TIMM[name]
    assert 2 * found.macs == flops(module, (3, 224, 224))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_forty_random_timm_networks_count_as_torch_counts_them(timm: Any) -> None:
    names = [
        n for n in timm.list_models() if not any(word in n for word in ("giant", "huge", "gigantic", "_xxl"))
    ]
    wrong = {}
    for name in random.Random(1).sample(names, 40):
        module = hollow(lambda name=name: timm.create_model(name))
        shape = module.default_cfg["input_size"]
        found = striate.summary(module, shape).total
        plain = sum(p.numel() for p in module.parameters())
        if (found.params + found.train_only, 2 * found.macs) != (plain, flops(module, shape)):
            wrong[name] = (found, plain)
    assert not wrong
