"""Tar archives against the standard library's tarfile."""

import io
import tarfile
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.sources.archives.tar import BadTar, CutShort, Member, TarStream

NAMES = st.text(
    st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=300
).filter(lambda name: name.strip("/") and not name.endswith("/"))


def packed(files: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read_all(data: bytes, *, seekable: bool) -> list[tuple[Member, bytes]]:
    file = io.BytesIO(data)
    tar = TarStream(file.read, file.seek if seekable else None)
    return [(member, tar.read(member.size)) for member in tar]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("seekable", [True, False])
@settings(max_examples=30, deadline=None)
@given(files=st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=6))
def test_members_are_those_that_tarfile_reads(
    files: list[tuple[str, bytes]], form: int, seekable: bool
) -> None:
    try:
        data = packed(files, form)
    except ValueError:  # ustar has no room for a long name
        return
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        wanted = [(m.name.encode("utf-8", "surrogateescape"), m.offset_data, m.size) for m in tar]
    found = read_all(data, seekable=seekable)
    # tarfile drops slashes at the end of a name; here they say that it is a folder.
    assert [(m.name.rstrip(b"/"), m.offset, m.size) for m, _ in found] == wanted
    assert [content for _, content in found] == [content for _, content in files]


def test_what_is_no_file_is_told_apart() -> None:
    buffer = io.BytesIO()
    kinds = {
        tarfile.DIRTYPE: "folder",
        tarfile.SYMTYPE: "symbolic link",
        tarfile.LNKTYPE: "hard link",
        tarfile.CHRTYPE: "device",
        tarfile.BLKTYPE: "device",
        tarfile.FIFOTYPE: "device",
        tarfile.REGTYPE: "file",
        tarfile.AREGTYPE: "file",
        tarfile.CONTTYPE: "file",
        tarfile.GNUTYPE_SPARSE: "sparse file",
    }
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for kind in kinds:
            info = tarfile.TarInfo("x")
            info.type, info.linkname = kind, "elsewhere"
            tar.addfile(info)
    assert [m.kind for m, _ in read_all(buffer.getvalue(), seekable=True)] == list(kinds.values())


def test_a_size_too_large_for_octal_digits_is_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("huge.npy")
    info.size = 9 << 30
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / "huge.tar"
        with path.open("wb") as file:
            file.write(info.tobuf(form))
            file.seek(info.size, 1)
            file.write(packed([("next", b"n")]))
        with path.open("rb") as file:
            assert [(m.name, m.size) for m in TarStream(file.read, file.seek)] == [
                (b"huge.npy", info.size),
                (b"next", 1),
            ]


@pytest.mark.parametrize("seekable", [True, False])
def test_what_stands_before_a_cut_is_read(seekable: bool) -> None:
    data = packed(
        [("a", b"a" * 600), ("b", b"b" * 600)]
    )  # header at 0, data at 512, header at 1536, data at 2048
    for cut, whole, reason in [
        (2400, 1, "it ends in the middle of a file"),
        (1800, 1, "it has no end"),
        (1536, 1, "it has no end"),
        (700, 0, "it ends in the middle of a file"),
        (0, 0, "it has no end"),
    ]:
        file = io.BytesIO(data[:cut])
        tar = TarStream(file.read, file.seek if seekable else None)
        sizes = (len(tar.read(member.size)) for member in tar)
        assert list(islice(sizes, whole)) == [600] * whole, cut
        with pytest.raises(CutShort) as caught:
            next(sizes)
        assert str(caught.value) == reason, cut


@pytest.mark.parametrize(
    ("at", "byte", "reason"),
    [(5, 7, "a header in it is damaged"), (130, 57, "a header in it is damaged")],
)
def test_a_damaged_header_is_not_the_end(at: int, byte: int, reason: str) -> None:
    data = bytearray(packed([("a", b"a"), ("b", b"b")]))
    data[1024 + at] = byte
    with pytest.raises(BadTar) as caught:
        read_all(bytes(data), seekable=True)
    assert str(caught.value) == reason


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_members_or_a_bad_tar(data: st.DataObject) -> None:
    good = bytearray(packed([("n" * 200, b"a" * 600), ("b.cls", b"1")], tarfile.PAX_FORMAT))
    for _ in range(data.draw(st.integers(1, 5))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadTar):
        for member, content in read_all(bytes(good), seekable=data.draw(st.booleans())):
            assert len(content) == member.size >= 0
