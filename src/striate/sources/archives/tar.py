"""Tar archives, read front to back: ustar, GNU long names, and PAX paths and sizes (POSIX.1-2008, pax).

The standard library's tarfile stops silently at a damaged header, which would lose pictures, and takes more than twice
as long per header; a test asserts that both read the same members.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

BLOCK = 512
EMPTY = bytes(BLOCK)
# Bytes skipped at a time in a stream that cannot seek.
STRIDE = 1 << 20
# The longest GNU name or PAX header that is accepted, in bytes.
LONGEST_HEADER = 1 << 20

Kind = Literal["file", "folder", "symbolic link", "hard link", "device", "sparse file"]
KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"5": "folder",
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "device",
    b"4": "device",
    b"6": "device",
    b"S": "sparse file",
}
GNU_NAME, GNU_LINK, PAX, PAX_GLOBAL = b"L", b"K", b"x", b"g"


class Member(NamedTuple):
    """One entry: its name as stored, its kind, and the offset and size of its data in bytes."""

    name: bytes
    kind: Kind
    offset: int
    size: int


class BadTar(Exception):
    """A tar archive that is damaged or cut short; the text is the reason."""


class CutShort(BadTar):
    """A tar archive that is cut short."""


class TarStream:
    """An iterator over the members of a tar archive; a member's data can be read until the next member is requested.

    No list of members is kept. Raises BadTar where a header is damaged, CutShort where the archive ends inside a
    member or without the zero block that ends it. Without `seek`, data to skip is read and discarded.
    """

    def __init__(self, read: Callable[[int], bytes], seek: Callable[[int], object] | None = None) -> None:
        self._read, self._seek = read, seek
        self.position = 0

    def __iter__(self) -> Iterator[Member]:
        name, size = b"", -1  # from an extra header, for the entry after it
        while (header := self._header()) is not None:
            kind, length = header[156:157], _number(header[124:136])
            start = self.position
            if kind in (GNU_NAME, GNU_LINK, PAX, PAX_GLOBAL):
                found = self._extra(kind, length)
                name, size = found[0] or name, size if found[1] < 0 else found[1]
            else:
                length = length if size < 0 else size
                member = _member(header, name, start, length)
                # Links and folders have no data, whatever their headers say.
                length = length if member.kind in ("file", "sparse file") else 0
                yield member._replace(size=length)
                name, size = b"", -1
            self.skip_to(start + -(-length // BLOCK) * BLOCK)

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes; raises CutShort where there are fewer."""
        data = self._read(size)
        while len(data) < size and (more := self._read(size - len(data))):
            data += more
        self.position += len(data)
        if len(data) < size:
            raise CutShort("it ends in the middle of a file")
        return data

    def skip_to(self, position: int) -> None:
        """Move forward to a position; beyond the end of the archive, this or the next `read` raises CutShort."""
        if self._seek:
            if position != self.position:
                self._seek(position)
            self.position = position
            return
        while self.position < position:
            self.read(min(STRIDE, position - self.position))

    def drain(self, most: int) -> None:
        """Read up to about `most` bytes past the archive's end, so that a decompressor verifies its checksum."""
        while most > 0 and (data := self._read(STRIDE)):
            most -= len(data)

    def _header(self) -> bytes | None:
        """Return the next header, or None at the zero block that ends an archive."""
        try:
            header = self.read(BLOCK)
        except CutShort:
            raise CutShort("it has no end") from None
        if header == EMPTY:
            return None
        checked = sum(header) - sum(header[148:156]) + 8 * ord(" ")
        if checked != _number(header[148:156]):
            raise BadTar("a header in it is damaged")
        return header

    def _extra(self, kind: bytes, length: int) -> tuple[bytes, int]:
        """Return the name and size that an extra header gives for the next entry, b"" and -1 if it gives none."""
        if length > LONGEST_HEADER:
            raise BadTar(f"a header of {length:,} bytes")
        data = self.read(length)
        if kind == GNU_NAME:
            return data.rstrip(b"\0"), -1
        return _pax(data) if kind == PAX else (b"", -1)


def _member(header: bytes, name: bytes, offset: int, size: int) -> Member:
    if not name:
        name = header[:100].partition(b"\0")[0]
        prefix = header[345:500].partition(b"\0")[0]
        # Where the magic is GNU's "ustar  ", these bytes hold other fields than the prefix.
        name = prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name
    kind = KINDS.get(header[156:157], "file")
    # Archives older than ustar mark a folder by a slash at the end of its name.
    return Member(name, "folder" if kind == "file" and name.endswith(b"/") else kind, offset, size)


def _number(field: bytes) -> int:
    """Return the value of a header field, in octal digits or in GNU's base-256 encoding."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:])
    digits = field.partition(b"\0")[0].strip() or b"0"
    if not digits.isdigit() or max(digits) > ord("7"):
        raise BadTar("a header in it is damaged")
    return int(digits, 8)


def _pax(data: bytes) -> tuple[bytes, int]:
    """Return path and size from a PAX header of lines 'length key=value'; b"" and -1 for those it does not give."""
    name, size = b"", -1
    while data.strip(b"\0"):
        digits, _, rest = data.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 9 else 0
        key, equals, value = rest[: length - len(digits) - 1].partition(b"=")
        if not equals or length > len(data) or not value.endswith(b"\n"):
            raise BadTar("a PAX header in it is damaged")
        if key == b"path":
            name = value[:-1]
        elif key == b"size" and value[:-1].isdigit():
            size = int(value)
        elif key.startswith(b"GNU.sparse."):
            raise BadTar("a sparse file in it")
        data = data[length:]
    return name, size
