"""Splitting one set of pictures into train, val and test, each class in proportion."""

import numpy as np
from numpy.typing import NDArray

from striate.data.draw import Ids, order
from striate.data.pictures import Pictures

# The share of a flat folder held out for each of val and test.
HELD_OUT = 0.1


def stratified_split(pictures: Pictures, ids: Ids, *, seed: int) -> dict[str, Pictures]:
    """Hold out a tenth of each class for val and a tenth for test, at least one each where the class has three.

    Which pictures, their names and the seed decide: adding a picture does not move the others by more than the
    share's rounding.
    """
    shuffled = order("split", ids, seed=seed)
    parts: dict[str, list[NDArray[np.int64]]] = {"train": [], "val": [], "test": []}
    for label in np.unique(pictures.labels):
        mine = shuffled[pictures.labels[shuffled] == label]
        held = max(1, round(len(mine) * HELD_OUT)) if len(mine) >= 3 else 0
        parts["val"].append(mine[:held])
        parts["test"].append(mine[held : 2 * held])
        parts["train"].append(mine[2 * held :])
    return {name: pictures.subset(np.sort(np.concatenate(part))) for name, part in parts.items()}
