"""Indexing the samples of one WebDataset shard: consecutive files of a tar that share a name up to its first dot.

The format is that of https://github.com/webdataset/webdataset, such as 0001.jpg followed by 0001.cls.
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

# File endings of pictures and of labels in a sample; of several labels the first in this order is used.
PICTURES = {suffix[1:] for suffix in ENDINGS if suffix} | {"npy"}
LABELS = ("cls", "class", "label", "cls.txt", "label.txt", "json", "txt")
# Keys of a sample's .json that may hold the label; the first one present is used.
JSON_KEYS = ("label", "labels", "class", "classes", "cls", "target", "targets")
LONGEST_LABEL = 1 << 20


@dataclass(frozen=True)
class Shard:
    """The index of one shard: each sample's picture, by name, offset and size in bytes, and its label as JSON text.

    `unlabelled` and `unpictured` count samples left out for want of a label or a picture; `damage` says why the rest of
    the shard could not be read, or is ''.
    """

    names: Names
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: Names
    unlabelled: int = 0
    unpictured: int = 0
    damage: str = ""


class TwiceThere(Exception):
    """A shard with two files of one name, or with two samples of one key."""


class Member(NamedTuple):
    """A file in a tar archive: its name, its ending from the first dot on, and the offset and size of its data."""

    name: str
    ending: str
    offset: int
    size: int


@dataclass
class Sample:
    """The sample being read: its best picture and label so far, and all endings seen.

    `rank` is the position of its label's ending in LABELS.
    """

    key: str
    picture: Member | None = None
    label: str = ""
    rank: int = len(LABELS)
    endings: set[str] = field(default_factory=set)


def index_shard(tar: TarStream, size: int) -> Shard:
    """Index a shard of `size` bytes by reading its headers and labels; if it is damaged, up to the damage.

    Raises TwiceThere where a file or sample occurs twice, since it is ambiguous which one is meant.
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
    """Return the key of a file, which is that of its sample, and its ending: a/0001 and seg.png for a/0001.seg.png."""
    folder, slash, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    return folder + slash + stem, ending.lower()


def is_picture(ending: str) -> bool:
    """Say whether an ending is that of a picture; it may have parts, as input.jpg."""
    return ending.rpartition(".")[2] in PICTURES


class _Samples:
    """Collects the samples of a shard while it is read."""

    def __init__(self) -> None:
        self._pictures: list[Member] = []
        self._labels: list[str] = []
        self._keys: set[str] = set()
        self._unlabelled = self._unpictured = 0
        self._open = Sample("")

    def add(self, place: Member, tar: TarStream, *, whole: bool) -> None:
        """Add the next file, reading it if it is a label; a picture that is not `whole` in the shard is ignored."""
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
        """Keep the picture whose ending has the fewest dots: 0001.jpg goes before 0001.depth.png."""
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
        """Close the last sample and return the index."""
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
    """Say whether a file is no part of a sample: hidden, or metadata of webdataset such as __url__."""
    return any(part.startswith((".", "__")) for part in name.split("/"))


def _read_label(content: bytes, ending: str) -> str:
    """Return a label as JSON text, or '' where it is empty or cannot be decoded.

    A text that spells a number is that number, any other is a class name.
    """
    try:
        text = content.decode("utf-8-sig").strip()
        if ending == "json":
            return _plain(_json_label(json.loads(text)))
        return _plain(_number(text)) if text else ""
    except (ValueError, RecursionError):  # neither UTF-8 nor JSON counts as no label
        return ""


def _json_label(value: Any) -> Any:
    """Return the label in a sample's JSON: under the first of JSON_KEYS in an object, else the value itself."""
    if isinstance(value, dict):
        return next((value[key] for key in JSON_KEYS if value.get(key) is not None), None)
    return value


def _number(text: str) -> int | float | str:
    if re.fullmatch("[+-]?[0-9]{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,2})?", text) else text


def _plain(value: Any) -> str:
    """Return a label as canonical JSON text, so that equal labels are equal texts; '' for None."""
    if isinstance(value, str):
        value = unicodedata.normalize("NFC", value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)
