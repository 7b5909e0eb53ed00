"""Write tests/learning/golden_curves.json: the first 20 losses of each optimizer. `make golden` runs this.

A small convolutional network with a norm learns 64 made pictures by heart, at each optimizer's usual settings and over
one cycle, in float64 from numbers that every machine draws alike, so that another machine differs in the last digits.
"""

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from write_golden import numbers, set_weights

from striate.data.loader import Batch
from striate.learning.optim import OPTIMIZERS, Hyper, make_optimizer
from striate.learning.schedule import WARM_UP, rate_factor
from striate.tasks.classification import Classification
from striate.training.step import BackPropagation

PAGE = Path(__file__).parent.parent / "tests" / "learning" / "golden_curves.json"
STEPS, BATCH, CLASSES, SIDE = 20, 16, 4, 8


def network() -> nn.Module:
    """Return the network with its own weights."""
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES),
    ).double()  # fmt: skip
    set_weights(model)
    return model


def batch(number: int) -> Batch:
    """Return one of four batches: noise upon a bar whose row says the class."""
    labels = torch.arange(BATCH) % CLASSES
    images: Tensor = numbers(BATCH * SIDE * SIDE, seed=number).view(BATCH, 1, SIDE, SIDE).clone()
    images[torch.arange(BATCH), 0, 2 * labels] += 3
    return Batch(images, labels)


def curve(name: str) -> list[float]:
    """Return the loss before each of the first steps."""
    method, model = OPTIMIZERS[name], network()
    hyper = Hyper(method.rates.norms, method.momentum or 0.0, method.weight_decay)
    task = Classification(tuple("abcd"))
    learner = BackPropagation(model, task, make_optimizer(name, model, hyper))
    losses = []
    for step in range(STEPS):
        done = step / STEPS
        rate = hyper.lr * rate_factor("one-cycle", done, warmup=WARM_UP["one-cycle"])
        losses.append(learner.step(batch(step % 4), lr=rate, progress=done, at_once=BATCH).loss)
    return [float(f"{loss:.8g}") for loss in losses]


def main() -> None:
    """Write the file, one optimizer a line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(curve(name))}" for name in OPTIMIZERS]
    PAGE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
