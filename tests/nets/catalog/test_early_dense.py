from collections.abc import Mapping

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from striate.nets.catalog.dense import DENSE
from striate.nets.catalog.early import EARLY

NETS = {**EARLY, **DENSE}


@pytest.mark.parametrize("name", NETS)
def test_the_catalogue_counts_what_torch_counts(name: str) -> None:
    entry = NETS[name]
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as flops:
        net = entry.make(entry.num_classes, in_channels=entry.input[0], **entry.settings).eval()
        logits = net(torch.empty(1, *entry.input))
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == entry.params
    assert flops.get_total_flops() == 2 * entry.macs
    assert logits.shape == (1, entry.num_classes)


@pytest.mark.parametrize("name", EARLY)
def test_an_early_network_takes_any_size_channels_and_classes(name: str) -> None:
    entry = EARLY[name]
    settings: Mapping[str, object] = entry.settings
    net = entry.make(3, in_channels=4, **settings)
    size = max(entry.smallest, 37)
    assert net(torch.randn(2, 4, size, size + 2)).shape == (2, 3)


@pytest.mark.parametrize("name", [n for n, e in EARLY.items() if e.rule])
def test_a_network_with_its_own_rule_learns_a_few_pictures(name: str) -> None:
    entry = EARLY[name]
    torch.manual_seed(0)
    net = entry.make(2, in_channels=1, **entry.settings)
    assert entry.rule is not None
    rule = entry.rule(net)
    labels = torch.arange(8) % 2
    side = torch.arange(entry.input[2]) * 2 // entry.input[2]  # class 0 lights the left half, 1 the right
    images = 0.8 * (side == labels[:, None, None, None]) + 0.2 * torch.rand(8, 1, *entry.input[1:])
    for i in range(300):
        value = rule.step(images, labels, lr=0.02, progress=i / 300)
        assert value.shape == ()
        assert torch.isfinite(value)
    assert torch.equal(net(images).argmax(1), labels)
