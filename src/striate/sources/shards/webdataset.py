"""Opening WebDataset: data sets of tar shards, in a folder or by a brace pattern."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.progress import Progress
from striate.sources.archives.tar import BadTar
from striate.sources.names import Names
from striate.sources.naming import SPLIT_NAMES, is_hidden, some, split_in
from striate.sources.place import expand
from striate.sources.shards.index import compressed, shard_of
from striate.sources.shards.labels import labels_of
from striate.sources.shards.sample import LABELS, Shard, is_picture, split_name
from striate.sources.shards.shards import LocalShard, ShardFile, ShardPictures
from striate.sources.source import Source
from striate.sources.targets.class_list import listed_classes

TAR = re.compile(r"\.(tar|tgz|tar\.(gz|bz2|xz|zst))$", re.IGNORECASE)
# Members of a tar that are examined to tell a shard from other archives.
LOOKED_AT = 64
# Shards indexed at a time.
THREADS = 8
WANTED = "Wanted: for each sample a picture such as 0001.jpg and beside it a label such as 0001.cls."

# Returns the content of a file of this name beside the shards, or None.
Beside = Callable[[str], bytes | None]


def recognise_shards(root: Path) -> str:
    """Return the evidence that a path is a tar of samples, or a folder of tars without class folders, or ''."""
    if root.is_file():
        return "it is a tar of samples" if root.suffix.lower() == ".tar" and _is_shard(root) else ""
    if not root.is_dir():
        return ""
    names = _tars_below(root)
    return f"it holds the shard {names[0]}" if names else ""


def open_shards(root: Path, progress: Progress) -> Source:
    """Index the shards in a folder, or one shard; raises DataError where there is no sample or a shard is unusable."""
    if root.is_file():
        files, folder = {root.stem: LocalShard(str(root))}, root.parent
    else:
        names = _tars_below(root)
        if packed := [name for name in names if not name.lower().endswith(".tar")]:
            raise compressed(root / packed[0])
        files = {name[:-4]: LocalShard(str(root / name)) for name in names}
        folder = root
    return source_of_shards(root, files, _beside(folder), progress)


def open_pattern(pattern: str, progress: Progress) -> Source:
    """Index the shards of a brace pattern; raises DataError also where one does not exist."""
    paths = expand(pattern)
    if gone := [path for path in paths if not Path(path).is_file()]:
        raise DataError(
            f"{pattern}: {len(gone)} of the {len(paths)} files it stands for are not there, the first of them "
            f"{gone[0]}."
        )
    names = stems(paths)
    files = {name: LocalShard(path) for name, path in zip(names, paths, strict=True)}
    return source_of_shards(Path(pattern), files, _beside(common_folder(paths)), progress)


def source_of_shards(
    root: Path | str, files: Mapping[str, ShardFile], beside: Beside, progress: Progress
) -> Source:
    """Return the data set in `files`, which maps a shard's stem (see `stems`) to the shard."""
    shards = _indexed(files, progress)
    splits, left_out = _splits(list(files))
    _refuse_empty(root, shards)
    labels = Names(chain.from_iterable(shards[name].labels for names in splits.values() for name in names))
    classes = _classes(root, beside)
    try:
        targets = labels_of(labels, classes)
    except DataError as error:
        raise DataError(f"{root}: {error}") from error
    pictures, start = {}, 0
    for split, names in splits.items():
        end = start + sum(len(shards[name].names) for name in names)
        pictures[split] = _pictures(names, files, shards, targets.values[start:end])
        start = end
    return Source(
        root, "WebDataset", targets.classes, pictures, [*left_out, *_notes(shards)], task=targets.task
    )


def stems(paths: Sequence[str]) -> list[str]:
    """Return paths relative to their common folder and without .tar, which identify shards wherever they are."""
    folder = common_folder(paths)
    return [path.removeprefix(folder).lstrip("/").removesuffix(".tar") for path in paths]


def common_folder(paths: Sequence[str]) -> str:
    """Return the innermost folder that contains all paths."""
    # Not by os.path.commonpath, which removes the double slash of an address.
    levels = zip(*(path.split("/")[:-1] for path in paths), strict=False)
    return "/".join(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def _indexed(files: Mapping[str, ShardFile], progress: Progress) -> dict[str, Shard]:
    progress.begin("indexing", len(files), unit="shards")
    shards = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="index") as pool:
        try:
            for name, shard in zip(files, pool.map(shard_of, files.values()), strict=True):
                shards[name] = shard
                progress.advance(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    progress.end()
    return shards


def _pictures(
    names: Sequence[str], files: Mapping[str, ShardFile], shards: Mapping[str, Shard], values: NDArray[Any]
) -> ShardPictures:
    """Return the pictures of one split, shard after shard."""
    mine = [shards[name] for name in names]
    return ShardPictures(
        files=[files[name] for name in names],
        stems=names,
        members=Names(chain.from_iterable(shard.names for shard in mine)),
        shards=np.repeat(np.arange(len(mine), dtype=np.int32), [len(shard.names) for shard in mine]),
        offsets=np.concatenate([shard.offsets for shard in mine]),
        sizes=np.concatenate([shard.sizes for shard in mine]),
        labels=values,
    )


def _splits(names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return split -> stems of its shards, and notes on shards of no split, which are left out.

    A shard's folder names its split, or else a word of its own name, as in train-000000. Without a train split, all
    shards are the split 'all'.
    """
    splits: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folder, _, stem = name.rpartition("/")
        splits[SPLIT_NAMES.get(folder.lower()) or split_in(stem) or "all"].append(name)
    if "train" not in splits:
        return {"all": list(names)}, []
    others = splits.pop("all", [])
    return splits, [f"left out as neither train, val nor test: {some(others)}"] if others else []


def _refuse_empty(root: Path | str, shards: Mapping[str, Shard]) -> None:
    if any(len(shard.names) for shard in shards.values()):
        return
    if damage := [f"{name}: {shard.damage}" for name, shard in shards.items() if shard.damage]:
        raise DataError(f"{root}: no sample can be read ({damage[0]}). Fetch it or pack it anew.")
    lost = [
        f"{count:,} {kind}"
        for kind, count in (
            ("pictures without a label", sum(shard.unlabelled for shard in shards.values())),
            ("labels without a picture", sum(shard.unpictured for shard in shards.values())),
        )
        if count
    ]
    raise DataError(f"{root}: no samples in it{', but ' * bool(lost)}{' and '.join(lost)}. {WANTED}")


def _notes(shards: Mapping[str, Shard]) -> list[str]:
    """Return notes on damaged shards and on samples that are left out."""
    notes = [
        f"{name}: {shard.damage}; its first {len(shard.names)} samples are used"
        for name, shard in shards.items()
        if shard.damage
    ]
    if unlabelled := sum(shard.unlabelled for shard in shards.values()):
        notes.append(f"left out as without a label: {unlabelled} samples")
    if unpictured := sum(shard.unpictured for shard in shards.values()):
        notes.append(f"left out as without a picture: {unpictured} samples")
    return notes


def _classes(root: Path | str, beside: Beside) -> tuple[str, ...]:
    """Return the class names in classes.txt, else under "classes" in dataset.json, else ()."""
    if (content := beside("classes.txt")) is not None:
        return listed_classes(content, f"{root}: classes.txt")
    try:
        listed = json.loads(beside("dataset.json") or b"{}")["classes"]
    except (ValueError, KeyError, TypeError, RecursionError):  # another program's dataset.json
        return ()
    return (
        listed_classes("\n".join(map(str, listed)).encode(), "dataset.json")
        if isinstance(listed, list)
        else ()
    )


def _beside(folder: str | Path) -> Beside:
    def read(name: str) -> bytes | None:
        path = Path(folder, name)
        return path.read_bytes() if path.is_file() else None

    return read


def _tars_below(root: Path) -> list[str]:
    """Return the tars in a folder and in its train/, val/ and test/; none where it has folders that may be classes."""
    try:
        files, folders = _entries(root)
        for folder in folders:
            if folder.lower() not in SPLIT_NAMES or (below := _entries(root / folder))[1]:
                return []
            files += [f"{folder}/{name}" for name in below[0]]
    except OSError:  # opening it as class folders reports what is wrong
        return []
    tars = [name for name in files if TAR.search(name)]
    # A single .tar.gz is taken for an archive left beside other files, not for a shard.
    return tars if len(tars) > 1 or any(name.lower().endswith(".tar") for name in tars) else []


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the visible files and folders in a folder."""
    names: tuple[list[str], list[str]] = [], []
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            if not is_hidden(entry.name):
                names[entry.is_dir()].append(entry.name)
    return names


def _is_shard(path: Path) -> bool:
    """Say whether the first members of a tar include a label and a picture of the same key."""
    pictures: set[str] = set()
    labels: set[str] = set()
    try:
        with LocalShard(str(path)).tar() as tar:
            for member in islice(tar, LOOKED_AT):
                key, ending = split_name(member.name.decode("utf-8", "surrogateescape"))
                if ending in LABELS:
                    labels.add(key)
                elif is_picture(ending):
                    pictures.add(key)
    except (OSError, BadTar):
        pass  # what comes before the damage decides
    return bool(pictures & labels)
