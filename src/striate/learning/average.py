"""The moving average of a network's weights, by which it is then scored and saved."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# The average reaches back over a tenth of the run at first, as in tf.train.ExponentialMovingAverage.
WARM_UP = 10


class Average:
    """An exponential moving average of the weights and the running statistics of norms; whole numbers are copied.

    After step t, counted from 0, it keeps min(decay, (1 + t) / (10 + t)) of itself: a fixed decay would leave much of
    the first weights in a short run. (Polyak, Juditsky 1992; the warm-up is TensorFlow's.)
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._live = {name: tensor.detach() for name, tensor in model.state_dict(keep_vars=True).items()}
        self._kept = {name: tensor.clone() for name, tensor in self._live.items()}
        self._moving = [name for name, tensor in self._live.items() if tensor.is_floating_point()]
        self._counts = [name for name, tensor in self._live.items() if not tensor.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights as they are after `step`."""
        decay = min(self._decay, (1 + step) / (WARM_UP + step))
        kept, live = ([side[name] for name in self._moving] for side in (self._kept, self._live))
        torch._foreach_lerp_(kept, live, 1 - decay)
        for name in self._counts:
            self._kept[name].copy_(self._live[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the network while inside."""
        held = {name: tensor.clone() for name, tensor in self._live.items()}
        self.put_in_place()
        try:
            yield
        finally:
            _copy(held, self._live)

    def put_in_place(self) -> None:
        """Put the average into the network for good."""
        _copy(self._kept, self._live)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the average, named as the network names its own."""
        return self._kept

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` returned; raises ValueError where it is of another network."""
        if tensors.keys() != self._kept.keys():
            raise ValueError("the average is of another network")
        _copy(tensors, self._kept)


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor)
