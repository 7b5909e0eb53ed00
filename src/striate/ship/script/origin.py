"""How an ejected script reads its pictures: by lines of its own where these give the same pixels, else by striate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.preparing.prepared import Prepared
from striate.ship.script import plain
from striate.sources.arrays.idx import FILES as IDX_FILES
from striate.sources.naming import SPLIT_NAMES
from striate.sources.targets.kind import TARGET_KINDS

ENDINGS = (".jpg", ".jpeg", ".png")
MODES = {1: "L", 3: "RGB"}
# Pictures of a split whose pixels are compared.
COMPARED = 500


class Plain(NamedTuple):
    """The pictures of a split as the script reads them: names, labels, and how one is opened."""

    names: list[str]
    labels: NDArray[np.int64]
    open: Callable[[int], Image.Image]


@dataclass(frozen=True)
class Origin:
    """How a script reads its pictures.

    `kind`: 'IDX', 'folders', or 'striate' where it cannot read them itself; `reason` then says why.
    `parts`: split -> its two IDX files, or its folder; a split 'all' is divided by the script.
    """

    kind: str
    reason: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def divided(self) -> bool:
        """Whether the script itself holds pictures out."""
        return "all" in self.parts


def origin_of(prepared: Prepared) -> Origin:
    """Return how a script can read a run's pictures; whether it gets the same ones by itself is found by trying."""
    recipe, root = prepared.recipe, Path(str(prepared.source.root))
    if recipe.train.augment.margin != 1:
        return Origin("striate", "crops and turns are cut from pictures kept larger than the network's input")
    if (
        recipe.preprocess.channels not in MODES
        or recipe.preprocess.depth != 8
        or TARGET_KINDS[recipe.task].names_a_picture != "one"
    ):
        return Origin("striate", "they are not 8-bit grey or colour pictures of one class each")
    if recipe.preprocess.fit == "pad":
        return Origin("striate", "they are padded with their mean colour")
    if any(store.bad for store in prepared.stores.values()):
        return Origin("striate", "some of them cannot be decoded and are left out")
    if prepared.source.format == "IDX":
        parts: Mapping[str, Any] = _idx_files(root)
        found = {split: _open_idx(root, split, files) for split, files in parts.items()}
        kind = "IDX"
    elif prepared.source.format == "class folders" and root.is_dir():
        parts, kind = _folders(root), "folders"
        found = {split: _open_folders(root, folder, prepared.classes) for split, folder in parts.items()}
    else:
        return Origin("striate", f"they are not plain folders but {prepared.source.format}")
    if set(parts) == {"train"}:
        parts, found = {"all": parts["train"]}, {"all": found["train"]}
    if not _alike(found, prepared):
        return Origin("striate", "plain Pillow would not give the same pictures")
    return Origin(kind, parts=parts)


def _idx_files(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the files of images and of labels of each split."""
    parts: dict[str, tuple[str, ...]] = {}
    for split, stems in IDX_FILES.items():
        names = [n for stem in stems for n in (stem, f"{stem}.gz") if (root / n).is_file()]
        if len(names) == 2:
            parts[split] = tuple(names)
    return parts


def _open_idx(root: Path, split: str, files: tuple[str, str]) -> Plain:
    images, labels = (plain.read_idx(root / name) for name in files)
    names = [f"{split}/{i}" for i in range(len(images))]
    return Plain(names, labels.astype(np.int64), lambda i: Image.fromarray(images[i]))


def _folders(root: Path) -> dict[str, str]:
    """Return the folder of each split, or the root itself for pictures that are not split."""
    named = {SPLIT_NAMES[p.name.lower()]: p.name for p in root.iterdir() if p.name.lower() in SPLIT_NAMES}
    return named if "train" in named else {"all": "."}


def _open_folders(root: Path, folder: str, classes: tuple[str, ...]) -> Plain:
    files = plain.listed(root / folder, classes, ENDINGS)
    names = [path.relative_to(root).as_posix() for path, _ in files]
    labels = np.array([label for _, label in files], np.int64)
    return Plain(names, labels, lambda i: Image.open(files[i][0]))


def _alike(found: Mapping[str, Plain], prepared: Prepared) -> bool:
    """Say whether the script would have the same pictures in each split, under the same names, labels and pixels."""
    places = {split: (some, np.arange(len(some.names))) for split, some in found.items()}
    if "all" in found:
        every = found["all"]
        cut = plain.split(every.labels, plain.ids_of(every.names), prepared.recipe.seed)
        places = {split: (every, where) for split, where in cut.items() if len(where)}
    if places.keys() != prepared.stores.keys():
        return False
    return all(_same(some, where, prepared, split) for split, (some, where) in places.items())


def _same(some: Plain, where: NDArray[np.int64], prepared: Prepared, split: str) -> bool:
    store, preprocess = prepared.stores[split], prepared.recipe.preprocess
    position = {name: i for i, name in enumerate(store.names)}
    mine = [some.names[i] for i in where]
    if position.keys() != set(mine):
        return False
    theirs = np.array([position[name] for name in mine])
    if not np.array_equal(store.labels.numpy()[theirs], some.labels[where]):
        return False
    mode, crop = MODES[preprocess.channels], preprocess.fit == "crop"
    for i in np.unique(np.linspace(0, len(mine) - 1, COMPARED).astype(int)):
        pixels = plain.pixels(some.open(int(where[i])), preprocess.size, mode, crop)
        if not np.array_equal(store.take(theirs[i : i + 1])[0].permute(1, 2, 0).numpy(), pixels):
            return False
    return True
