"""Broadcasts from rank 0 to the other ranks: the restored checkpoint, the best weights, a file of the run folder.

Only rank 0 reads and writes the run folder, so machines of the other ranks need not see it.
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
    """Broadcast rank 0's network, learner and average to every rank's trainee; return rank 0's loop state."""
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
    """Broadcast the best weights in rank 0's run folder and return them; raises DataError where they cannot be read."""
    if ranks.size == 1:
        return load_best(folder, step)
    return tensors_from_bytes(ranks.tell(tensor_bytes(load_best(folder, step)) if ranks.first else b""))


def hand_over_file(path: Path, ranks: Ranks) -> None:
    """Copy a file of rank 0's run folder into the folder of every other rank, if rank 0 has it."""
    content = path.read_bytes() if ranks.first and path.exists() else b""
    content = ranks.tell(content)
    if not ranks.first and content:
        path.write_bytes(content)
