"""MixUp (Zhang et al. 2017, arXiv:1710.09412) and CutMix (Yun et al. 2019, arXiv:1905.04899): two pictures in one."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from striate.data.augment.levels import Numbers, column, rewritten
from striate.data.draw import Draws, Ids, Indices
from striate.errors import UsageError

# Points of the table by which a Beta distribution is inverted.
POINTS = 4097
GREATEST_ALPHA = 100.0
WHOLE = slice(None)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How the pictures of a batch are mixed: the alphas of MixUp and of CutMix, 0 meaning that it is not done.

    Where both are asked for, half of the batches are mixed by each. `classes` is their number, where the targets are
    class numbers.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    classes: int = 0

    def __post_init__(self) -> None:
        for name in ("mixup", "cutmix"):
            value = getattr(self, name)
            if not 0 <= value <= GREATEST_ALPHA:
                raise UsageError(
                    f"{name} is {value:g}; it must be at least 0 and at most {GREATEST_ALPHA:g}."
                )

    def __bool__(self) -> bool:
        return bool(self.mixup or self.cutmix)

    def sources(self, ids: Ids, part: slice = WHOLE, *, seed: int, epoch: int) -> Indices:
        """Return the positions in a batch of what `part` of it is made of: its own pictures, then their partners."""
        own = np.arange(len(ids))[part]
        if not self:
            return own
        return np.concatenate([own, np.setdiff1d(partners(Draws(ids, seed, epoch))[own], own)])

    def __call__(
        self, images: Tensor, targets: Tensor, ids: Ids, *, seed: int, epoch: int, part: slice = WHOLE
    ) -> tuple[Tensor, Tensor]:
        """Return pictures (B, C, H, W), uint8 or float32 in 0..255, mixed with their partners, and targets mixed alike.

        Class numbers (B,) become shares of the classes (B, classes), float32; labels of 0 and 1 (B, K) and numbers
        (B, T) are mixed as they are. All are weighed by the share of the pixels, which is drawn for each picture from
        Beta(alpha, alpha). What is mixed depends on the pictures, their ids, `seed` and `epoch` alone.

        The pictures of a batch are put in a ring by a draw of their ids; a picture's partner is the next one. So each
        is given to one other, none to itself, and the same pictures in a batch make the same mixes in whatever order
        they stand.

        Of a batch with `ids` a `part` alone may be asked for. Then images and targets are those at `sources`, and
        what is returned is that part of what would be returned of all.
        """
        if not self:
            return images, targets
        targets = one_hot(targets, self.classes).float() if targets.ndim == 1 else targets.float()
        batch = Draws(ids, seed, epoch)
        given = np.zeros(len(ids), np.int64)
        given[self.sources(ids, part, seed=seed, epoch=epoch)] = np.arange(len(images))
        partner = torch.from_numpy(given[partners(batch)[part]])
        draws = batch.at(np.arange(len(ids))[part])
        if self.cutmix and not (self.mixup and _draw_of_batch("mix-kind", batch) < 0.5):
            images, own = cut_mixed(images, partner, draws, alpha=self.cutmix)
        else:
            own = beta(draws.uniform("mix-share"), alpha=self.mixup)
            images = mixed_up(images, partner, own=own)
        share = torch.from_numpy(own.astype(np.float32))[:, None]
        return images, targets[: len(partner)] * share + targets[partner] * (1 - share)


def partners(draws: Draws) -> Indices:
    """Return the position (B,) of each sample's partner."""
    ring = np.argsort(draws.uniform("mix-partner"), kind="stable")
    partner = np.empty_like(ring)
    partner[ring] = np.roll(ring, -1)
    return partner


def mixed_up(images: Tensor, partner: Tensor, *, own: Numbers) -> Tensor:
    """Return the first pictures, as many as have a partner, blended with it; `own` is the share of each itself."""

    def work(floats: Tensor, part: slice) -> Tensor:
        others = images.index_select(0, partner[part]).to(torch.float32, copy=True)
        return floats.mul_(column(own[part])).add_(others.mul_(column(1 - own[part])))

    return rewritten(images[: len(partner)], work)


def cut_mixed(images: Tensor, partner: Tensor, draws: Draws, *, alpha: float) -> tuple[Tensor, Numbers]:
    """Return the first pictures with a box of each taken from its partner, and the share of its own pixels left.

    The box has the picture's proportions and 1 - Beta of its area; its middle may lie anywhere, and what passes the
    edge is cut.
    """
    height, width = images.shape[2:]
    half = np.sqrt(1 - beta(draws.uniform("mix-share"), alpha=alpha)) / 2
    top, bottom = _ends(draws.uniform("mix-y"), half, height)
    left, right = _ends(draws.uniform("mix-x"), half, width)
    out = images[: len(partner)].clone()
    for i, j in enumerate(partner.tolist()):
        box = slice(top[i], bottom[i]), slice(left[i], right[i])
        out[i, :, *box] = images[j, :, *box]
    return out, 1 - (bottom - top) * (right - left) / (height * width)


def beta(shares: Numbers, *, alpha: float) -> Numbers:
    """Return numbers of Beta(alpha, alpha) for even numbers in [0, 1): its distribution function inverted."""
    below, places = _lower_half(alpha)
    lower = np.minimum(shares, 1 - shares)
    places = np.interp(lower, below, places) ** (1 / min(alpha, 1))
    return np.where(shares < 0.5, places, 1 - places)


@lru_cache
def _lower_half(alpha: float) -> tuple[Numbers, Numbers]:
    """Return points of the distribution function below 1/2, and where they are: the place to the power min(alpha, 1).

    By that power the density, which is infinite at 0 where alpha is under 1, becomes smooth.
    """
    power = min(alpha, 1.0)
    places = np.linspace(0, 0.5**power, POINTS)
    x = places ** (1 / power)
    density = x ** (alpha - power) * (1 - x) ** (alpha - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return below / (2 * below[-1]), places


def _ends(middle: Numbers, half: Numbers, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first pixel of an interval and the one after its last, cut at the edges."""
    ends = np.rint((middle + np.stack([-half, half])) * length).clip(0, length).astype(np.int64)
    return ends[0], ends[1]


def _draw_of_batch(purpose: str, draws: Draws) -> float:
    """Return one number in [0, 1) that the pictures of a batch decide, in whatever order they stand."""
    least = draws.at(np.array([draws.ids.argmin()]))
    return float(least.uniform(purpose)[0])
