"""What the first rank hands over to the others: what it found out before the first step, and where training goes on.

So nobody but the first rank chooses, reads a checkpoint or writes, and other machines need not see the run folder.
"""

import json
import os
from pathlib import Path

from safetensors.torch import load as tensors_from_bytes

from striate.training.checkpoint import Checkpoint, tensor_bytes
from striate.training.launch import tell_run
from striate.training.ranks import Ranks

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


def tell_trained(ranks: Ranks) -> None:
    """Tell the other ranks, as the first, that the run has been trained already."""
    ranks.tell(b"")


def tell_finished(folder: Path, ranks: Ranks) -> None:
    """Tell the other ranks, as the first, that the run in a folder is whole."""
    ranks.tell(os.fsencode(folder.absolute()))


def told_finished(ranks: Ranks) -> Path:
    """Return, as another rank, where the run is that the first has finished."""
    return Path(os.fsdecode(ranks.tell(b"")))


def handed_over(checkpoint: Checkpoint, ranks: Ranks) -> Checkpoint:
    """Return the checkpoint of the first rank, whatever this one's is."""
    contents = tensor_bytes(checkpoint.model), tensor_bytes(checkpoint.optimizer)
    model, optimizer, state = map(ranks.tell, (*contents, json.dumps(checkpoint.state).encode()))
    return Checkpoint(
        model=tensors_from_bytes(model), optimizer=tensors_from_bytes(optimizer), state=json.loads(state)
    )
