"""The interface of learning rules other than back-propagation."""

from typing import Protocol

from torch import Tensor


class LearningRule(Protocol):
    """A rule that updates a network's weights from one batch. `Entry.rule` makes one for a network.

    A rule keeps no state outside the network's parameters and buffers, and draws random numbers only from
    torch's global generator, which the training loop seeds for every step: so a resumed run gives
    the weights of an uninterrupted one.
    """

    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Update the network in place and return the scalar loss or error of the batch, from before the update.

        `images` is (B, C, H, W) as normalised for the network, `labels` (B,) class indices. `progress`,
        from 0 to 1, is how much of the training is done: rules that train one layer after another choose the
        layer by it.
        """
        ...
