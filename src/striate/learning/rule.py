"""The seam for networks that do not learn by back-propagation."""

from typing import Protocol

from torch import Tensor


class LearningRule(Protocol):
    """A way to change a network's weights from one batch. `Entry.rule` makes one for a network.

    A rule keeps no state outside the network's parameters and buffers, and draws random numbers only from
    torch's global generator, which the training loop seeds for every step: so a run that is resumed is the
    same run.
    """

    def step(self, images: Tensor, labels: Tensor, *, lr: float, progress: float) -> Tensor:
        """Change the network in place and return the scalar loss or error of the batch as it was before.

        `images` is (B, C, H, W) as normalised for the network, `labels` (B,) class indices. `progress`,
        from 0 to 1, is how much of the training is done: rules that train layer after layer read it to know
        which.
        """
        ...
