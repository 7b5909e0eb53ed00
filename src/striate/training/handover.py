"""What the first rank hands over to the others: what it found out before the first step, and where training goes on.

So nobody but the first rank chooses, reads a checkpoint or writes, and other machines need not see the run folder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load as tensors_from_bytes
from torch import Tensor

from striate.runs.folder.best import load_best
from striate.runs.folder.checkpoint import Checkpoint, tensor_bytes
from striate.training.ranks.ranks import Ranks
from striate.training.trainee import Trainee


def hand_over(trainee: Trainee, state: Mapping[str, Any], ranks: Ranks) -> Mapping[str, Any]:
    """Give every rank what the first one's trainee holds, and return the loop's numbers of the first."""
    if ranks.size == 1:
        return state
    mine = trainee.checkpoint(state)
    average = tensor_bytes(mine.average) if mine.average is not None else b""
    contents = (
        tensor_bytes(mine.model),
        tensor_bytes(mine.optimizer),
        average,
        json.dumps(mine.state).encode(),
    )
    model, optimizer, average, told = map(ranks.tell, contents)
    first = Checkpoint(
        model=tensors_from_bytes(model),
        optimizer=tensors_from_bytes(optimizer),
        average=tensors_from_bytes(average) if average else None,
        state=json.loads(told),
    )
    if not ranks.first:
        trainee.restore(first)
    return first.state


def hand_over_best(folder: Path, step: int, ranks: Ranks) -> Mapping[str, Tensor]:
    """Return, in every rank, the best weights in the run folder of the first; raises DataError where they are gone."""
    if ranks.size == 1:
        return load_best(folder, step)
    return tensors_from_bytes(ranks.tell(tensor_bytes(load_best(folder, step)) if ranks.first else b""))


def hand_over_file(path: Path, ranks: Ranks) -> None:
    """Give every rank's folder a file as it is in the first one's, or none where it has none."""
    content = path.read_bytes() if ranks.first and path.exists() else b""
    content = ranks.tell(content)
    if not ranks.first and content:
        path.write_bytes(content)
