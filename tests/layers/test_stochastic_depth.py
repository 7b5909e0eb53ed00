"""Stochastic depth drops whole images' branches and keeps the mean."""

import torch

from striate.layers.stochastic_depth import StochasticDepth


def test_each_image_is_kept_whole_or_dropped_whole() -> None:
    torch.manual_seed(0)
    y = StochasticDepth(0.25).train()(torch.ones(4000, 2, 3, 3))
    per_image = y.flatten(1)
    assert torch.equal(per_image.amin(1), per_image.amax(1))
    assert set(per_image[:, 0].tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(per_image.mean().item() - 1) < 0.03


def test_in_eval_mode_nothing_is_dropped() -> None:
    x = torch.randn(2, 3)
    assert StochasticDepth(0.9).eval()(x) is x
    assert StochasticDepth(0.0).train()(x) is x
