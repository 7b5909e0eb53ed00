"""The optimizers going down a surface of two weights: a saddle and a long valley."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from striate.learning.optim import OPTIMIZERS, Hyper


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A function of two weights, where the optimizers start on it, and how it is drawn.

    `height`: places (..., 2) to heights (...).
    `arrived`: places (N, 2) to whether each is at the goal (N,).
    `start`: the place where all start. `steps`: the steps each makes. `rates`: the learning rate of each optimizer.
    `reach`: how far the picture goes from the middle along x and y. `drawn`: the length at which that is drawn.
    `lift`: the length at which a unit of height is drawn.
    `turn`, `tilt`: degrees by which the view is turned about the vertical, and raised above the horizon.
    """

    name: str
    formula: str
    height: Callable[[Tensor], Tensor]
    arrived: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    reach: tuple[float, float]
    drawn: tuple[float, float]
    lift: float
    turn: float
    tilt: float
    steps: int
    rates: Mapping[str, float]

    def range(self) -> tuple[float, float]:
        """Return the lowest and the highest height in the picture, by a grid of 101 by 101 places."""
        along = torch.linspace(-1, 1, 101, dtype=torch.double)
        heights = self.height(torch.cartesian_prod(along * self.reach[0], along * self.reach[1]))
        return float(heights.min()), float(heights.max())


@dataclass(frozen=True)
class Trail:
    """The trail of one optimizer over N steps: places (N + 1, 2), heights (N + 1,), and the step of arrival or None."""

    name: str
    lr: float
    places: Tensor
    heights: Tensor
    arrival: int | None


# Round learning rates that show what each optimizer is about. SGD's in the valley is near the largest that does not
# diverge; Adadelta would begin too slowly to be seen at its usual rate of 1.
SURFACES: Mapping[str, Surface] = {
    "saddle": Surface(
        name="saddle",
        formula="x² − y²",
        height=lambda place: place[..., 0] ** 2 - place[..., 1] ** 2,
        arrived=lambda place: place[..., 1].abs() >= 1,
        start=(-0.95, -0.001),
        reach=(1.0, 1.0),
        drawn=(1.0, 1.0),
        lift=0.55,
        turn=28,
        tilt=38,
        steps=150,
        rates={
            "sgd": 0.03, "momentum": 0.03, "nesterov": 0.03,
            "adagrad": 0.08, "rmsprop": 0.015, "adadelta": 5, "adam": 0.015, "adamw": 0.015,
        },
    ),
    "valley": Surface(
        name="valley",
        formula="x² / 50 + y²",
        height=lambda place: place[..., 0] ** 2 / 50 + place[..., 1] ** 2,
        arrived=lambda place: place.norm(dim=-1) < 0.1,
        start=(-3.6, 0.9),
        reach=(4.0, 1.1),
        drawn=(2.0, 1.0),
        lift=0.42,
        turn=16,
        tilt=48,
        steps=150,
        rates={
            "sgd": 0.9, "momentum": 0.1, "nesterov": 0.1,
            "adagrad": 0.5, "rmsprop": 0.05, "adadelta": 20, "adam": 0.1, "adamw": 0.1,
        },
    ),
}  # fmt: skip


def walk(surface: Surface, optimizer: str, *, lr: float) -> Trail:
    """Return the trail of an optimizer down a surface, at its usual momentum, without weight decay, in float64."""
    method, weight = OPTIMIZERS[optimizer], nn.Parameter(torch.tensor(surface.start, dtype=torch.double))
    steps = method.make([{"params": [weight], "weight_decay": 0.0}], Hyper(lr, method.momentum or 0.0, 0.0))
    places = [weight.detach().clone()]
    for _ in range(surface.steps):
        steps.zero_grad()
        surface.height(weight).backward()
        steps.step()
        places.append(weight.detach().clone())
    way = torch.stack(places)
    return Trail(optimizer, lr, way, surface.height(way), _arrival(surface.arrived(way)))


def _arrival(there: Tensor) -> int | None:
    """Return the step from which on all of a trail is at the goal, or None."""
    away = (~there).nonzero()
    first = int(away[-1]) + 1 if len(away) else 0
    return first if first < len(there) else None
