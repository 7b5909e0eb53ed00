"""Zip and tar archives, read entry by entry; one with an entry that is neither file nor folder is refused."""

import bz2
import gzip
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from striate.errors import DataError
from striate.sources.archives.tar import BLOCK, BadTar, TarStream

CHUNK = 1 << 20
LONGEST_PADDING = 1 << 24
SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tzst", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
ZIP = (b"PK\3\4", b"PK\5\6")
ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
ENCRYPTED, UTF_8 = 0x1, 0x800  # flags of a zip's entry
# Magic bytes of a compressed tar -> its name, and what opens it.
COMPRESSED: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": ("tar.gz", gzip.open),
    b"BZh": ("tar.bz2", bz2.open),
    b"\xfd7zXZ\0": ("tar.xz", lzma.open),
}
# Magic bytes of archives that the standard library cannot read -> their name.
FOREIGN = {b"\x28\xb5\x2f\xfd": "Zstandard", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!\x1a\x07": "RAR"}
# What reading a damaged or malicious archive may raise.
DAMAGE = (
    *(BadTar, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, NotImplementedError, RuntimeError, OverflowError, MemoryError),
)
# Encodings of names in a zip without the UTF-8 flag: that of Linux, of Korean Windows, and the format's default.
ENCODINGS = ("utf-8", "cp949", "cp437")


class ArchiveEntry(NamedTuple):
    """A file or folder of an archive.

    `name` is a path below the folder to unpack into. `size` is the size the archive declares, `passed` how many bytes
    of the archive come before it. `chunks` yields the content; it may be called once, before the next entry is read.
    """

    name: str
    is_folder: bool
    size: int
    passed: int
    chunks: Callable[[], Iterator[bytes]]


class Archive:
    """An open archive: its kind, its entries, and a note to the user on how it was read, or ''.

    `declared` is the total size of the entries where it is known before they are read, an upper bound for a plain tar.
    """

    def __init__(self, kind: str, entries: Iterator[ArchiveEntry], declared: int = 0, note: str = "") -> None:
        self.kind = kind
        self.entries = entries
        self.declared = declared
        self.note = note


def recognise_archive(path: Path) -> str:
    """Return the evidence that a file is an archive, from its content or else from its name, or ''."""
    if not path.is_file():
        return ""
    kind = _kind(path)
    return f"it is a {kind} archive" if kind else "it is named as an archive" * _is_named_archive(path)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip or tar archive to be read once.

    Raises DataError, also while its entries are read, if it is damaged, encrypted or of another kind, or if an entry is
    a link or a device, or has a path outside the folder it would be unpacked into.
    """
    try:
        with path.open("rb") as file:
            start = file.read(BLOCK)
            file.seek(0)
            if name := _beginning(start, FOREIGN):
                raise DataError(f"{FOREIGN[name]} archives are not read. Unpack it, and give the folder.")
            if start.startswith(ZIP):
                with zipfile.ZipFile(file) as opened:
                    yield _zip(opened)
            elif begin := _beginning(start, COMPRESSED):
                with COMPRESSED[begin][1](file) as stream:
                    yield Archive(COMPRESSED[begin][0], _tar_entries(TarStream(stream.read), file))
            elif _is_tar(start):
                yield Archive("tar", _tar_entries(TarStream(file.read, file.seek), file), path.stat().st_size)
            else:
                raise DataError("not a zip or tar archive, whatever its name. Fetch it anew.")
    except DataError as error:
        raise DataError(f"{path}: {error}") from error.__cause__
    except DAMAGE as error:
        raise DataError(f"{path}: damaged ({_reason(error)}). Fetch it or pack it anew.") from error


def _zip(opened: zipfile.ZipFile) -> Archive:
    infos = opened.infolist()
    names, note = _zip_names(infos)
    declared = sum(info.file_size for info in infos)
    return Archive("zip", _zip_entries(opened, names), declared, note)


def _zip_names(infos: Sequence[zipfile.ZipInfo]) -> tuple[list[str], str]:
    """Return the names of a zip's entries, and a note where their encoding had to be guessed."""
    # zipfile decodes a name without the UTF-8 flag as cp437, which can be undone, since it maps every byte.
    raw = [b"" if i.flag_bits & UTF_8 else i.orig_filename.encode("cp437") for i in infos]
    encoding = encoding_of(raw)
    names = [r.decode(encoding) if r else i.orig_filename for r, i in zip(raw, infos, strict=True)]
    guessed = encoding != "utf-8"
    return names, f"the names in it are not UTF-8, and were read as {encoding}" if guessed else ""


def _zip_entries(opened: zipfile.ZipFile, names: Sequence[str]) -> Iterator[ArchiveEntry]:
    passed = 0
    for info, name in zip(opened.infolist(), names, strict=True):
        mode = info.external_attr >> 16
        kind = "symbolic link" if stat.S_ISLNK(mode) else "device"
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _not_a_file(name, kind)
        if info.flag_bits & ENCRYPTED:
            raise DataError(f"{shown(name)} is encrypted. Unpack it with its password, and give the folder.")
        if info.compress_type not in ZIP_METHODS:
            raise DataError(
                f"{shown(name)} is packed by a method few programs know. Pack it anew as plain zip."
            )
        is_folder = name.endswith(("/", "\\"))
        yield ArchiveEntry(
            inside(name), is_folder, info.file_size, passed, partial(_zip_chunks, opened, info)
        )
        passed += info.compress_size


def _zip_chunks(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with opened.open(info) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _tar_entries(tar: TarStream, file: IO[bytes]) -> Iterator[ArchiveEntry]:
    for member in tar:
        encoding = encoding_of([member.name])
        # In a tar, names that only cp437 could decode are kept as bytes.
        encoding, errors = ("utf-8", "surrogateescape") if encoding == "cp437" else (encoding, "strict")
        name = member.name.decode(encoding, errors)
        if member.kind not in ("file", "folder"):
            raise _not_a_file(name, member.kind)
        chunks = partial(_tar_chunks, tar, member.size)
        yield ArchiveEntry(inside(name), member.kind == "folder", member.size, file.tell(), chunks)
    tar.drain(LONGEST_PADDING)  # so that the decompressor verifies the checksum at the end


def _tar_chunks(tar: TarStream, size: int) -> Iterator[bytes]:
    while size:
        yield (chunk := tar.read(min(size, CHUNK)))
        size -= len(chunk)


def _not_a_file(name: str, kind: str) -> DataError:
    return DataError(
        f"{shown(name)} is a {kind}, and only files and folders are unpacked. "
        "Unpack it yourself if you trust it, and give the folder."
    )


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(BLOCK)
    except OSError:
        return ""
    if begin := _beginning(start, COMPRESSED):
        return COMPRESSED[begin][0] * _is_named_archive(path)
    if begin := _beginning(start, FOREIGN):
        return FOREIGN[begin]
    return "zip" if start.startswith(ZIP) else "tar" if _is_tar(start) else ""


def _beginning(start: bytes, known: dict[bytes, Any]) -> bytes:
    return next((begin for begin in known if start.startswith(begin)), b"")


def _is_tar(start: bytes) -> bool:
    """Say whether a block is a tar header, or the zero block of a tar archive without members."""
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return start == bytes(BLOCK)
    return True


def _is_named_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def _reason(error: BaseException) -> str:
    """Return why an archive cannot be read, in a few words."""
    if isinstance(error, EOFError):
        return "it is cut short"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip() or type(error).__name__


def inside(name: str) -> str:
    """Return an entry's name as a relative path, "" for the folder itself; raises DataError where it leads outside.

    A backslash is taken for a slash, since some programs on Windows write it so.
    """
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or re.match("[A-Za-z]:", path) or ".." in parts or "\0" in path:
        raise DataError(
            f"{shown(name)} would be written outside the folder it is unpacked into. Do not trust this archive."
        )
    return "/".join(parts)


def shown(name: str) -> str:
    """Return a name in quotes for a message, with unprintable characters escaped."""
    return "'" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name) + "'"


def encoding_of(names: Sequence[bytes]) -> str:
    """Return the first of ENCODINGS that can decode all of these names; the last, cp437, can decode any."""
    return next(encoding for encoding in ENCODINGS if all(_fits(name, encoding) for name in names))


def _fits(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
