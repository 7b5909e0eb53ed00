"""Remote shards, at https://…, s3://… and other addresses of fsspec, read in blocks instead of downloaded."""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from striate.errors import DataError, StorageError, UsageError, unknown
from striate.host.cache import cache_folder
from striate.progress import Progress
from striate.sources.archives.tar import TarStream
from striate.sources.naming import SPLIT_NAMES
from striate.sources.place import expand, is_pattern
from striate.sources.shards.blocks import Blocks
from striate.sources.shards.retry import NotThere, tried
from striate.sources.shards.shards import LocalShard
from striate.sources.shards.webdataset import Beside, common_folder, source_of_shards, stems
from striate.sources.source import Source

# Scheme of an address -> the package that reads it.
SCHEMES = {
    "http": "striate[remote]",
    "https": "striate[remote]",
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "hf": "huggingface_hub",
    "memory": "striate[remote]",
}
# Keys of fsspec's file information whose values change when a file does.
FACTS = (
    "size",
    "ETag",
    "etag",
    "Content-MD5",
    "Last-Modified",
    "LastModified",
    "mtime",
    "created",
    "md5Hash",
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def open_remote(place: str, progress: Progress) -> Source:
    """Index the shards at an address: one .tar, a brace pattern, or a folder if its server can list it.

    Raises UsageError for an address of an unknown scheme or whose package is missing, DataError where there is no shard
    or it cannot be fetched.
    """
    files = _file_system(place)
    places = expand(place) if is_pattern(place) else [place] if _is_tar(place) else _listed(files, place)
    blocks = Blocks(lambda at, start, stop: _range(files, at, start, stop))
    bare = [place.partition("?")[0] for place in places]
    shards = {name: RemoteShard(at, files, blocks) for name, at in zip(stems(bare), places, strict=True)}
    return source_of_shards(place, shards, _beside(files, common_folder(bare)), progress)


class RemoteShard:
    """A shard at an address; if its server supports no range requests, it is downloaded whole into the cache, once."""

    def __init__(self, place: str, files: AbstractFileSystem, blocks: Blocks) -> None:
        self.place = place
        self._files, self._blocks = files, blocks
        self._fetching = Lock()

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        info: Mapping[str, Any] = tried(self.place, lambda: self._files.info(self.place))
        return info

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return int(self._facts["size"]) if self._in_parts else self._whole.size

    @property
    def stamp(self) -> int:
        """A hash of what its server reports: size, date and checksum, as far as given."""
        facts = repr([(key, str(self._facts[key])) for key in FACTS if key in self._facts]).encode()
        return int.from_bytes(hashlib.blake2b(facts, digest_size=8).digest())

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset`; raises DataError where they cannot be fetched."""
        if self._in_parts:
            return self._blocks.read(self.place, self.size, offset, size)
        return self._whole.read(offset, size)

    @contextmanager
    def tar(self) -> Iterator[TarStream]:
        """Return a stream of its members, which reads from the start, block by block."""
        cursor = _Cursor(self)
        yield TarStream(cursor.read, cursor.seek)

    @cached_property
    def _in_parts(self) -> bool:
        """Whether parts of it can be read: its size is known, and over HTTP a request for its second byte succeeds."""
        size = self._facts.get("size")
        return isinstance(size, int) and (
            urlsplit(self.place).scheme not in ("http", "https")
            or tried(self.place, lambda: _gives_parts(self._files, self.place, size))
        )

    @property
    def _whole(self) -> LocalShard:
        """The copy of the shard in the cache, downloaded if it is not there yet."""
        name = hashlib.blake2b(f"{self.place}\0{self.stamp}".encode(), digest_size=16).hexdigest()
        kept = cache_folder() / "remote" / f"{name}.tar"
        with self._fetching:
            if not kept.exists():
                _fetch_whole(self._files, self.place, kept)
        return LocalShard(str(kept))


class _Cursor:
    """Reads a shard like a file, with a position of its own."""

    def __init__(self, shard: RemoteShard) -> None:
        self._shard = shard
        self._position = 0

    def read(self, size: int) -> bytes:
        data = self._shard.read(self._position, size)
        self._position += len(data)
        return data

    def seek(self, position: int) -> None:
        self._position = position


def _file_system(place: str) -> AbstractFileSystem:
    scheme = urlsplit(place).scheme
    if "::" in place:
        raise UsageError(f"{place}: a chain of addresses. Give the address of the shards alone.")
    if scheme not in SCHEMES:
        raise unknown("kind of address", f"{scheme}://", [f"{known}://" for known in SCHEMES])
    try:
        files: AbstractFileSystem = url_to_fs(place)[0]
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// addresses cannot be read: a package is not installed. Install it: "
            f"pip install '{SCHEMES[scheme]}'"
        ) from error
    return files


def _range(files: AbstractFileSystem, place: str, start: int, stop: int) -> bytes:
    def fetch() -> bytes:
        data: bytes = files.cat_file(place, start, stop)
        if len(data) != stop - start:
            raise OSError(errno.EIO, f"{len(data):,} bytes came of the {stop - start:,} asked for")
        return data

    return tried(place, fetch)


def _gives_parts(files: AbstractFileSystem, place: str, size: int) -> bool:
    if size < 2:
        return True
    with files.open(place, "rb", block_size=1 << 16, cache_type="none", size=size) as file:
        file.seek(1)
        try:
            return len(file.read(1)) == 1
        except ValueError:  # what fsspec raises where a server sends the whole file
            return False


def _fetch_whole(files: AbstractFileSystem, place: str, kept: Path) -> None:
    """Download a shard into the cache; raises StorageError where it does not fit."""
    aside = kept.with_suffix(f".{os.getpid()}.part")

    def fetch() -> None:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(place, str(aside))
            aside.replace(kept)
        except OSError as error:
            if error.errno in FULL:
                raise StorageError(
                    f"{cache_folder()}: cannot be written ({error.strerror}), and {place} must be fetched whole, since "
                    "its server gives no parts of it. Free some space, or put the cache elsewhere: STRIATE_CACHE=FOLDER"
                ) from error
            raise

    try:
        tried(place, fetch)
    finally:
        aside.unlink(missing_ok=True)


def _listed(files: AbstractFileSystem, place: str) -> list[str]:
    """Return the addresses of .tar files in a folder and in its train/, val/ and test/; raises DataError for none."""
    root = place.rstrip("/")
    names = _names_in(files, root)
    folders = [name for name in names if name.rpartition("/")[2].lower() in SPLIT_NAMES]
    found = [
        name for name in chain(names, *(_names_in(files, folder) for folder in folders)) if _is_tar(name)
    ]
    if not found:
        raise DataError(
            f"{place}: no .tar is listed there. Give a pattern of the shards: {root}/{{000000..000009}}.tar"
        )
    return sorted(found)


def _names_in(files: AbstractFileSystem, folder: str) -> list[str]:
    try:
        names = tried(folder, lambda: files.ls(folder, detail=False))
    except NotThere:
        return []
    return [files.unstrip_protocol(name).rstrip("/") for name in names]


def _is_tar(place: str) -> bool:
    return urlsplit(place).path.lower().endswith(".tar")


def _beside(files: AbstractFileSystem, folder: str) -> Beside:
    def read(name: str) -> bytes | None:
        with suppress(NotThere):
            content: bytes = tried(f"{folder}/{name}", lambda: files.cat_file(f"{folder}/{name}"))
            return content
        return None

    return read
