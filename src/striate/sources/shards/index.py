"""A cache of shard indexes on disk, so that each shard is scanned only once."""

import hashlib
import os
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.host.cache import cache_folder
from striate.sources.names import Names
from striate.sources.place import absolute
from striate.sources.shards.sample import Shard, TwiceThere, index_shard
from striate.sources.shards.shards import ShardFile

# Increased when the content of an index changes, so that older cached indexes are not used.
VERSION = 1
# Magic bytes of gzip, bzip2, xz and Zstandard.
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


def shard_of(file: ShardFile) -> Shard:
    """Return the index of a shard from the cache, or else by scanning the shard.

    Raises DataError where the shard is compressed, cannot be read or holds a sample twice.
    """
    try:
        kept = _kept(file)
        if (shard := _load(kept)) is not None:
            return shard
        if file.read(0, 8).startswith(COMPRESSED):
            raise compressed(file.place)
        with file.tar() as tar:
            shard = index_shard(tar, file.size)
    except OSError as error:
        raise DataError(f"{file.place}: cannot be read ({error.strerror or error}).") from error
    except TwiceThere as error:
        raise DataError(f"{file.place}: {error} Pack the shard anew.") from error
    with suppress(OSError):  # a full disk: the shard is scanned again next time
        _save(shard, kept)
    return shard


def compressed(place: str | Path) -> DataError:
    """Return the error for a shard that is compressed."""
    return DataError(
        f"{place}: compressed, so that no picture in it can be read by itself. Decompress the shards once, as by "
        "gunzip; pictures do not grow by that."
    )


def _kept(file: ShardFile) -> Path:
    facts = f"{VERSION}\0{absolute(file.place)}\0{file.size}\0{file.stamp}".encode("utf-8", "surrogateescape")
    return cache_folder() / "shards" / f"{hashlib.blake2b(facts, digest_size=16).hexdigest()}.npz"


def _save(shard: Shard, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            np.savez(
                file,
                names=_packed(shard.names),
                labels=_packed(shard.labels),
                offsets=shard.offsets,
                sizes=shard.sizes,
                left_out=np.array([shard.unlabelled, shard.unpictured]),
                damage=_packed(Names([shard.damage])),
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _load(path: Path) -> Shard | None:
    """Return a cached index, or None where it is missing or damaged."""
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            names, labels = _unpacked(kept["names"]), _unpacked(kept["labels"])
            offsets, sizes = kept["offsets"], kept["sizes"]
            unlabelled, unpictured = kept["left_out"].tolist()
            (damage,) = _unpacked(kept["damage"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    if not len(names) == len(labels) == len(offsets) == len(sizes):
        return None
    return Shard(names, offsets, sizes, labels, unlabelled, unpictured, damage)


def _packed(names: Names) -> NDArray[np.uint8]:
    """Return texts as UTF-8, each ended by a zero byte, which neither a name nor JSON text contains."""
    return np.frombuffer("".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape"), np.uint8)


def _unpacked(array: NDArray[np.uint8]) -> Names:
    return Names(array.tobytes().decode("utf-8", "surrogateescape").split("\0")[:-1])
