"""What each network counts and computes has not changed: golden.json, rewritten only by `make golden`."""

import json

import pytest
from write_golden import PAGE, field, logits

from striate.nets import CATALOG

QUICK = {
    "lenet5", "lenet5-tutorial", "nin", "googlenet", "googlenet-torchvision", "resnet18", "resnet50",
    "resnet50-v1", "resnet20", "preresnet110", "resnext50_32x4d", "squeezenet1_1", "mobilenet_v2",
    "mobilenet_v3_small", "efficientnet_b0",
}  # fmt: skip


def golden() -> dict[str, dict[str, object]]:
    return json.loads(PAGE.read_text(encoding="utf-8"))


def test_the_golden_file_has_the_networks_and_counts_of_the_catalogue() -> None:
    stated = {name: (e.params, e.auxiliary, e.macs) for name, e in CATALOG.items()}
    assert {name: (g["params"], g["auxiliary"], g["macs"]) for name, g in golden().items()} == stated


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CATALOG]
)
def test_a_network_computes_and_sees_what_it_did(name: str) -> None:
    assert field(name) == golden()[name]["receptive_field"]
    wanted = golden()[name]["logits"]
    assert isinstance(wanted, list)
    scale = max(abs(value) for value in wanted)
    assert logits(name) == pytest.approx(wanted, rel=0, abs=1e-4 * scale)
