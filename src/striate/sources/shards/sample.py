"""The samples of one WebDataset shard: files of a tar archive that share a name up to their first dot.

The format is that of https://github.com/webdataset/webdataset: 0001.jpg and 0001.cls, one after the other.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from striate.pictures.kind import ENDINGS
from striate.sources.archives.archive import shown
from striate.sources.archives.tar import BadTar, TarStream
from striate.sources.names import Names
from striate.sources.naming import printable

# How a sample's picture may end, and its label, the likelier kind first.
PICTURES = {suffix[1:] for suffix in ENDINGS if suffix} | {"npy"}
LABELS = ("cls", "class", "label", "cls.txt", "label.txt", "json", "txt")
# Where a sample's .json has its label.
JSON_KEYS = ("label", "labels", "class", "classes", "cls", "target", "targets")
LONGEST_LABEL = 1 << 20


@dataclass(frozen=True)
class Shard:
    """What one shard holds: of each sample its picture's name, where that stands, and its label as JSON.

    `unlabelled` and `unpictured` count the samples left out; `damage` says why the shard was read no further.
    """

    names: Names
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: Names
    unlabelled: int = 0
    unpictured: int = 0
    damage: str = ""


class TwiceThere(Exception):
    """A shard that has two files of one name, or two samples."""


class Member(NamedTuple):
    """A file in a tar archive."""

    name: str
    ending: str
    offset: int
    size: int


@dataclass
class Sample:
    """The files of one key: the picture and the label that count, and all endings there are."""

    key: str
    picture: Member | None = None
    label: str = ""
    rank: int = len(LABELS)
    endings: set[str] = field(default_factory=set)


def index_shard(tar: TarStream, size: int) -> Shard:
    """Read the headers and labels of a shard of `size` bytes; of one that is damaged, what stands before.

    Raises TwiceThere where a name stands twice, since then it cannot be told which one is meant.
    """
    samples, damage = _Samples(), ""
    try:
        for member in tar:
            name = member.name.decode("utf-8", "surrogateescape").removeprefix("./")
            if member.kind == "file" and not _is_hidden(name):
                place = Member(name, split_name(name)[1], member.offset, member.size)
                samples.add(place, tar, whole=member.offset + member.size <= size)
    except BadTar as error:
        damage = str(error)
    return samples.shard(damage)


def split_name(name: str) -> tuple[str, str]:
    """Return the key of a file, which its sample shares, and its ending: a/0001.seg.png has a/0001 and seg.png."""
    folder, slash, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    return folder + slash + stem, ending.lower()


def is_picture(ending: str) -> bool:
    """Say whether a file is a picture by its ending, which may have parts: input.jpg."""
    return ending.rpartition(".")[2] in PICTURES


class _Samples:
    """The samples of a shard as they are found."""

    def __init__(self) -> None:
        self._pictures: list[Member] = []
        self._labels: list[str] = []
        self._keys: set[str] = set()
        self._unlabelled = self._unpictured = 0
        self._open = Sample("")

    def add(self, place: Member, tar: TarStream, *, whole: bool) -> None:
        """Take a file in, reading it where it is a label; what is not whole is no picture."""
        key = split_name(place.name)[0]
        if key != self._open.key:
            self._close()
            if key in self._keys:
                raise TwiceThere(f"{shown(place.name)} or its sample stands there twice.")
            self._open = Sample(key)
            self._keys.add(key)
        if place.ending in self._open.endings:
            raise TwiceThere(f"{shown(place.name)} or its sample stands there twice.")
        self._open.endings.add(place.ending)
        if is_picture(place.ending) and whole:
            self._add_picture(place)
        elif place.ending in LABELS and place.size <= LONGEST_LABEL:
            self._add_label(LABELS.index(place.ending), place, tar)

    def _add_picture(self, place: Member) -> None:
        """Keep the picture with the plainest ending: 0001.jpg goes before 0001.depth.png."""
        have = self._open.picture
        if have is None or place.ending.count(".") < have.ending.count("."):
            self._open.picture = place

    def _add_label(self, rank: int, place: Member, tar: TarStream) -> None:
        if rank < self._open.rank and (label := _read_label(tar.read(place.size), place.ending)):
            self._open.label, self._open.rank = label, rank

    def _close(self) -> None:
        sample = self._open
        if sample.picture and sample.label:
            self._pictures.append(sample.picture)
            self._labels.append(sample.label)
        else:
            self._unlabelled += sample.picture is not None
            self._unpictured += sample.picture is None and bool(sample.key)

    def shard(self, damage: str) -> Shard:
        """Return what was found."""
        self._close()
        return Shard(
            Names(printable(unicodedata.normalize("NFC", place.name)) for place in self._pictures),
            np.array([place.offset for place in self._pictures], np.int64),
            np.array([place.size for place in self._pictures], np.int64),
            Names(self._labels),
            self._unlabelled,
            self._unpictured,
            damage,
        )


def _is_hidden(name: str) -> bool:
    """Say whether a file is what machines add: hidden files, and webdataset's own such as __url__."""
    return any(part.startswith((".", "__")) for part in name.split("/"))


def _read_label(content: bytes, ending: str) -> str:
    """Return a label as JSON text, or nothing where there is none.

    A text that is a number is that number, any other is a class name.
    """
    try:
        text = content.decode("utf-8-sig").strip()
        if ending == "json":
            return _plain(_json_label(json.loads(text)))
        return _plain(_number(text)) if text else ""
    except (ValueError, RecursionError):  # neither UTF-8 nor JSON: as good as none
        return ""


def _json_label(value: Any) -> Any:
    """Return the label of a sample's JSON: of an object one of its usual keys, else the value itself."""
    if isinstance(value, dict):
        return next((value[key] for key in JSON_KEYS if value.get(key) is not None), None)
    return value


def _number(text: str) -> int | float | str:
    if re.fullmatch("[+-]?[0-9]{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,2})?", text) else text


def _plain(value: Any) -> str:
    """Return a label in one form, so that equal labels are equal texts."""
    if isinstance(value, str):
        value = unicodedata.normalize("NFC", value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)
