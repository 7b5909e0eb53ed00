"""The moving average of a network's weights, with which it is evaluated and saved."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# The average spans the last ninth of the steps so far at first, as in tf.train.ExponentialMovingAverage.
WARM_UP = 10


class Average:
    """An exponential moving average of weights and the running statistics of norms; integer buffers are copied.

    Its decay at step t, counted from 0, is min(decay, (1 + t) / (10 + t)): a fixed decay would leave much of the
    initial weights in a short run. (Polyak, Juditsky 1992; the warm-up is TensorFlow's.)
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._live = {name: tensor.detach() for name, tensor in model.state_dict(keep_vars=True).items()}
        self._kept = {name: tensor.clone() for name, tensor in self._live.items()}
        self._moving = [name for name, tensor in self._live.items() if tensor.is_floating_point()]
        self._counts = [name for name, tensor in self._live.items() if not tensor.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average with the weights as they are after `step`, counted from 0."""
        decay = min(self._decay, (1 + step) / (WARM_UP + step))
        kept, live = ([side[name] for name in self._moving] for side in (self._kept, self._live))
        torch._foreach_lerp_(kept, live, 1 - decay)
        for name in self._counts:
            self._kept[name].copy_(self._live[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the averaged weights inside the context, and its own back after it."""
        held = {name: tensor.clone() for name, tensor in self._live.items()}
        self.put_in_place()
        try:
            yield
        finally:
            _copy(held, self._live)

    def put_in_place(self) -> None:
        """Replace the network's weights by the average."""
        _copy(self._kept, self._live)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the average under the keys of the network's state_dict."""
        return self._kept

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` returned; raises ValueError where its keys are not those of the network."""
        if tensors.keys() != self._kept.keys():
            raise ValueError("the average is of another network")
        _copy(tensors, self._kept)


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor)
