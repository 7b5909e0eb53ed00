"""What the first of several processes tells the others before and after a training."""

import json
import os
from pathlib import Path

from striate.host.durable import write_folder
from striate.host.launch import tell_run
from striate.nets.own_code import FOLDER as CODE
from striate.nets.own_code import is_kept, kept_files, trust
from striate.training.ranks.ranks import Ranks

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
