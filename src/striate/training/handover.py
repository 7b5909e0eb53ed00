"""What the first rank hands over to the others: what it found out before the first step, and where training goes on.

So nobody but the first rank chooses, reads a checkpoint or writes, and other machines need not see the run folder.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load as tensors_from_bytes
from torch import Tensor

from striate.host.durable import write_folder
from striate.host.launch import tell_run
from striate.nets.own_code import FOLDER as CODE
from striate.nets.own_code import is_kept, kept_files, trust
from striate.training.checkpoint import Checkpoint, tensor_bytes
from striate.training.ranks import Ranks
from striate.training.stopping import load_best
from striate.training.trainee import Trainee

# What a run folder holds before the first step that the others need.
FACTS = ("recipe.toml", "classes.json", "data.json")


def tell_facts(folder: Path, ranks: Ranks) -> None:
    """Tell the other ranks, as the first, what is in the run folder before the first step."""
    tell_run(folder)
    if ranks.size > 1:
        for name in FACTS:
            ranks.tell((folder / name).read_bytes())


def told_facts(folder: Path, ranks: Ranks) -> bool:
    """Write into a folder, as another rank, what the first tells; say whether there is anything to train."""
    for name in FACTS:
        content = ranks.tell(b"")
        if not content:
            return False
        (folder / name).write_bytes(content)
    return True


def hand_over_code(folder: Path, net: str, ranks: Ranks) -> None:
    """Let every rank, on whatever machine, run the code that the first was asked to train; others have none to hand."""
    if not is_kept(net) or ranks.size == 1:
        return
    mine = kept_files(net) if ranks.first else {}
    told = ranks.tell(
        json.dumps({name: content.decode("latin-1") for name, content in mine.items()}).encode()
    )
    if not ranks.first:
        files = {name: content.encode("latin-1") for name, content in json.loads(told).items()}
        write_folder(folder / CODE, files)
        trust(net, folder / CODE)


def tell_trained(ranks: Ranks) -> None:
    """Tell the other ranks, as the first, that the run has been trained already."""
    ranks.tell(b"")


def tell_finished(folder: Path, ranks: Ranks) -> None:
    """Tell the other ranks, as the first, that the run in a folder is whole."""
    ranks.tell(os.fsencode(folder.absolute()))


def told_finished(ranks: Ranks) -> Path:
    """Return, as another rank, where the run is that the first has finished."""
    return Path(os.fsdecode(ranks.tell(b"")))


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
