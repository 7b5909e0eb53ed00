"""Packs a folder as a run does and says how many pictures it decoded; `--slowly` keeps row after row, and waits."""

import sys
import time
from pathlib import Path
from typing import Any

from striate.data.store import store
from striate.data.store.reader import Reader
from striate.pictures.preprocess import Preprocess
from striate.progress import Silent
from striate.sources.folders.folder import open_folder

fit = Preprocess.fitted
decoded = 0


class Telling(Silent):
    """Prints what it is told."""

    def say(self, line: str) -> None:
        print(line, flush=True)


def counted(self: Preprocess, pixels: Any) -> Any:
    global decoded
    decoded += 1
    time.sleep(0.02 if "--slowly" in sys.argv else 0)
    return fit(self, pixels)


Preprocess.fitted = counted  # type: ignore[method-assign]
if "--slowly" in sys.argv:
    store.KEPT_EACH = 1
root = Path(sys.argv[1])
pictures = open_folder(root).splits["all"]
preprocess = Preprocess(size=(8, 8), channels=3, mean=(), std=())
reader = Reader(data=str(root), root=root, threads=1, progress=Telling())
print(f"{len(reader.store('train', pictures, preprocess))} pictures, {decoded} decoded")
