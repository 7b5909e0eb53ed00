"""Broadcasts from rank 0 before and after a training: the run folder's files, the network's code, the finished run."""

import json
import os
from pathlib import Path

from striate.host.durable import write_folder
from striate.host.launch import tell_run
from striate.nets.own_code import FOLDER as CODE
from striate.nets.own_code import is_kept, kept_files, trust
from striate.training.ranks.ranks import Ranks

# The files of a run folder that the other ranks need before the first step.
FACTS = ("recipe.toml", "classes.json", "data.json")


def tell_facts(folder: Path, ranks: Ranks) -> None:
    """On rank 0: send FACTS of the run folder to the other ranks, and tell the launcher where the run is."""
    tell_run(folder)
    if ranks.size > 1:
        for name in FACTS:
            ranks.tell((folder / name).read_bytes())


def told_facts(folder: Path, ranks: Ranks) -> bool:
    """On another rank: write the FACTS that rank 0 sends into a folder; say whether there is anything to train."""
    for name in FACTS:
        content = ranks.tell(b"")
        if not content:
            return False
        (folder / name).write_bytes(content)
    return True


def hand_over_code(folder: Path, net: str, ranks: Ranks) -> None:
    """Copy the code of a network of the user's own from rank 0 to every other rank, and trust it there."""
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
    """On rank 0: tell the other ranks, which wait in `told_facts`, that the run has been trained already."""
    ranks.tell(b"")


def tell_finished(folder: Path, ranks: Ranks) -> None:
    """On rank 0: tell the other ranks that the run is finished, and in which folder it is."""
    ranks.tell(os.fsencode(folder.absolute()))


def told_finished(ranks: Ranks) -> Path:
    """On another rank: wait until rank 0 has finished the run, and return its folder."""
    return Path(os.fsdecode(ranks.tell(b"")))
