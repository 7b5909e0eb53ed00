"""Archives of strangers: each either opens as the folder it was made of, or is refused by name, with nothing left."""

import bz2
import gzip
import io
import lzma
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.errors import DataError
from striate.host.cache import cache_folder
from striate.sources.archives import unpack
from striate.sources.archives.archive import inside
from striate.sources.opening import open_source

Files = Sequence[tuple[str, bytes]]
FILES: Files = [(f"flowers/{c}/{i}.png", c.encode() * i) for c in ("장미", "tulip") for i in range(1, 4)]
PACKERS = ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))


def zipped(path: Path, files: Files = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: Files = FILES, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def pack(path: Path, files: Files = FILES) -> Path:
    if path.suffix == ".zip":
        return zipped(path, files)
    kind = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    return tarred(path, files, kind)


def refusal(path: Path) -> str:
    """Return why an archive is refused, having made sure that nothing of it stayed in the cache."""
    with pytest.raises(DataError) as caught:
        open_source(path)
    kept = cache_folder() / "archives"
    assert not [p.name for p in kept.glob("*") if p.suffix != ".lock"]
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


# --- what opens


@pytest.mark.parametrize("suffix", PACKERS)
def test_an_archive_opens_as_the_folder_it_was_made_of(tmp_path: Path, suffix: str) -> None:
    for name, content in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    folder, source = open_source(tmp_path / "flowers"), open_source(pack(tmp_path / f"꽃.{suffix}"))
    assert (source.root, source.format, source.classes) == (
        tmp_path / f"꽃.{suffix}",
        "class folders",
        ("tulip", "장미"),
    )
    assert source.evidence == (
        f"it is a {'tar.gz' if suffix == 'tgz' else suffix} archive; unpacked, it is a folder of folders"
    )
    mine, theirs = source.splits["all"], folder.splits["all"]
    assert [mine.name(i) for i in range(6)] == [theirs.name(i) for i in range(6)]
    assert [mine.read(i) for i in range(6)] == [theirs.read(i) for i in range(6)]
    assert mine.labels.tolist() == theirs.labels.tolist()


def test_what_an_archive_is_its_content_decides(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip").rename(tmp_path / "a.tar")
    tarred(tmp_path / "b.tar").rename(tmp_path / "b.zip")
    zipped(tmp_path / "c.zip").rename(tmp_path / "c")
    assert open_source(tmp_path / "a.tar").evidence.startswith("it is a zip archive; ")
    assert open_source(tmp_path / "b.zip").evidence.startswith("it is a tar archive; ")
    assert open_source(tmp_path / "c").evidence.startswith("it is a zip archive; ")


def test_an_archive_of_an_idx_folder_is_one(tmp_path: Path) -> None:
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    images = np.arange(24, dtype=np.uint8)
    contents = (b"\0\0\x08\3" + struct.pack(">III", 2, 3, 4) + images.tobytes(), b"\0\0\x08\1\0\0\0\2\0\1")
    source = open_source(zipped(tmp_path / "digits.zip", list(zip(names, contents, strict=True))))
    assert (source.format, len(source.splits["train"])) == ("IDX", 2)


def test_splits_and_what_machines_add_are_as_in_a_folder(tmp_path: Path) -> None:
    files = [(f"{split}/{c}/1.png", b"x") for split in ("train", "val") for c in "ab"]
    source = open_source(
        zipped(tmp_path / "s.zip", [*files, ("__MACOSX/train/._1.png", b""), ("a.exe", b"")])
    )
    assert {split: len(p) for split, p in source.splits.items()} == {"train": 2, "val": 2}
    assert source.notes == [
        "left out as hidden: __MACOSX",
        "left out as no pictures by their names: 1 (.exe 1)",
    ]


def test_single_folders_are_gone_into_and_empty_class_folders_kept(tmp_path: Path) -> None:
    files = [("./x/y/a/1.png", b"1"), ("./x/y/b/1.png", b"2"), ("./__MACOSX/._x", b""), (".DS_Store", b"")]
    source = open_source(tarred(tmp_path / "deep.tar", files))
    assert [source.splits["all"].name(i) for i in range(2)] == ["a/1.png", "b/1.png"]
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.mkdir("c")
        archive.writestr("a/1.png", b"1")
        archive.writestr("b/1.png", b"1")
    source = open_source(tmp_path / "empty.zip")
    assert (source.classes, source.notes) == (
        ("a", "b", "c"),
        ["class 'c' has no pictures to learn from"],
    )


def test_errors_of_what_is_inside_name_the_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "one.zip", [("train/a/1.png", b"1"), ("val/b/1.png", b"1")])
    with pytest.raises(DataError) as caught:
        open_source(path)
    assert str(caught.value) == (
        f"{path}: val/ has class 'b', which train/ has not. Every class must have a folder in train/."
    )


def test_archives_in_an_archive_are_not_opened(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip").read_bytes()
    source = open_source(zipped(tmp_path / "outer.zip", [*FILES, ("flowers/장미/inner.zip", inner)]))
    assert len(source.splits["all"]) == 6
    assert source.notes == ["left out as no pictures by their names: 1 (.zip 1)"]


# --- names


def unflagged(path: Path, names: Sequence[bytes]) -> Path:
    """Write a zip whose names have no UTF-8 flag."""
    stand_ins = [f"@{i}".ljust(len(name), "_") for i, name in enumerate(names)]
    zipped(path, [(s, b"x") for s in stand_ins])
    data = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in.encode(), name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("encoding", "classes", "notes"),
    [
        ("utf-8", ("장미꽃", "칼"), []),
        ("cp949", ("장미꽃", "칼"), ["the names in it are not UTF-8, and were read as cp949"]),
        ("cp949", ("똠방각하", "칼"), ["the names in it are not UTF-8, and were read as cp949"]),
        ("cp437", ("café", "naïve"), ["the names in it are not UTF-8, and were read as cp437"]),
    ],
)
def test_names_without_the_utf_8_flag_are_read_as_they_were_meant(
    tmp_path: Path, encoding: str, classes: tuple[str, str], notes: list[str]
) -> None:
    names = [f"{name}/picture-{i}.png".encode(encoding) for name in classes for i in range(2)]
    source = open_source(unflagged(tmp_path / "windows.zip", names))
    assert (source.classes, source.notes) == (classes, notes)
    assert open_source(tmp_path / "windows.zip").notes == notes  # also from the cache


def test_names_in_either_unicode_form_are_one_class(tmp_path: Path) -> None:
    forms = [unicodedata.normalize(form, "장미") for form in ("NFC", "NFD")]
    files = [(f"{forms[0]}/1.png", b"1"), (f"{forms[1]}/2.png", b"2"), ("tulip/1.png", b"3")]
    for path in (zipped(tmp_path / "n.zip", files), tarred(tmp_path / "n.tar", files)):
        source = open_source(path)
        assert source.classes == ("tulip", "장미")
        assert source.splits["all"].labels.tolist() == [0, 1, 1]


def test_backslashes_divide_as_windows_means_them(tmp_path: Path) -> None:
    source = open_source(unflagged(tmp_path / "w.zip", [b"a\\1.png", b"b\\1.png"]))
    assert source.classes == ("a", "b")


def test_names_that_are_no_text_are_kept_in_a_tar(tmp_path: Path) -> None:
    odd = b"a/\xff\xfe.png".decode("utf-8", "surrogateescape")
    source = open_source(tarred(tmp_path / "odd.tar", [(odd, b"1"), ("b/1.png", b"2")]))
    assert source.splits["all"].read(0) == b"1"


# --- what is refused


@pytest.mark.parametrize("suffix", ["zip", "tar"])
@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "a/../../evil.png",
        "/etc/evil.png",
        "C:/evil.png",
        "c:evil.png",
        "..\\evil.png",
        "a\\..\\..\\evil.png",
        "\\\\server\\share\\evil.png",
        "..",
    ],
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, suffix: str, name: str) -> None:
    path = pack(tmp_path / f"evil.{suffix}", [*FILES, (name, b"x")])
    assert refusal(path) == (
        f"'{name}' would be written outside the folder it is unpacked into. Do not trust this archive."
    )
    assert not list(tmp_path.parent.rglob("evil.png"))


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python's tarfile has no filters yet")
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_a_name_is_below_the_folder_or_refused_and_tarfile_thinks_no_worse_of_it(name: str) -> None:
    try:
        path = inside(name)
    except DataError:
        return
    assert not path or not {"", ".", ".."} & set(path.split("/"))
    checked = tarfile.data_filter(tarfile.TarInfo(path), "/somewhere")
    assert checked.name == path


@pytest.mark.parametrize(
    ("kind", "called"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
        (tarfile.GNUTYPE_SPARSE, "sparse file"),
    ],
)
def test_what_is_neither_file_nor_folder_is_refused_in_a_tar(
    tmp_path: Path, kind: bytes, called: str
) -> None:
    path = tarred(tmp_path / "links.tar")
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("a/링크.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    assert refusal(path) == (
        f"'a/링크.png' is a {called}, and only files and folders are unpacked. "
        "Unpack it yourself if you trust it, and give the folder."
    )


@pytest.mark.parametrize(
    ("mode", "called"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "device"), (stat.S_IFCHR, "device")]
)
def test_what_is_neither_file_nor_folder_is_refused_in_a_zip(tmp_path: Path, mode: int, called: str) -> None:
    path = zipped(tmp_path / "links.zip")
    info = zipfile.ZipInfo("a/link.png")
    info.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refusal(path) == (
        f"'a/link.png' is a {called}, and only files and folders are unpacked. "
        "Unpack it yourself if you trust it, and give the folder."
    )


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "secret.zip")
    data = path.read_bytes()
    flags = data.index(b"PK\1\2") + 8
    path.write_bytes(data[:flags] + bytes([data[flags] | 1]) + data[flags + 1 :])
    assert refusal(path) == (
        "'flowers/장미/1.png' is encrypted. Unpack it with its password, and give the folder."
    )


def test_a_rare_method_of_packing_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "rare.zip")
    data = path.read_bytes()
    method = data.index(b"PK\1\2") + 10
    path.write_bytes(data[:method] + b"\x09\0" + data[method + 2 :])
    assert refusal(path) == (
        "'flowers/장미/1.png' is packed by a method few programs know. Pack it anew as plain zip."
    )


@pytest.mark.parametrize("suffix", ["zip", "tar"])
@pytest.mark.parametrize(
    ("files", "named"),
    [
        ([("a/1.png", b"1"), ("a/1.png", b"2")], "'a/1.png'"),
        ([("a/1.png", b"1"), ("./a//1.png", b"2")], "'a/1.png'"),
        ([("a", b"1"), ("a/1.png", b"2")], "'a/1.png'"),
        ([("a/1.png", b"1"), ("a", b"2")], "'a'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, suffix: str, files: Files, named: str) -> None:
    path = pack(tmp_path / f"twice.{suffix}", [("b/1.png", b"1"), *files])
    assert refusal(path) == f"{named} is in it twice. Pack it anew, with one file of each name."


def test_a_name_too_long_for_a_file_is_refused(tmp_path: Path) -> None:
    name = "가" * 90  # 90 characters on Windows, 270 bytes here
    path = zipped(tmp_path / "long.zip", [(f"a/{name}.png", b"1")])
    assert refusal(path) == (
        f"'a/{name}.png' is a longer name than a file may have here. Pack it anew with shorter names."
    )


def test_foreign_archives_are_refused_with_advice(tmp_path: Path) -> None:
    for name, start, called in [
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        ("a.rar", b"Rar!\x1a\x07\1\0", "RAR"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", "Zstandard"),
    ]:
        (tmp_path / name).write_bytes(start + bytes(100))
        assert refusal(tmp_path / name) == f"{called} archives are not read. Unpack it, and give the folder."


def test_a_page_named_as_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>not found</html>")
    assert refusal(tmp_path / "a.zip") == "not a zip or tar archive, whatever its name. Fetch it anew."
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(b"label,file\n" * 1000))
    assert refusal(tmp_path / "b.tar.gz") == (
        "damaged (a header in it is damaged). Fetch it or pack it anew."
    )


# --- damage


CUT: dict[str, str] = {
    "zip": "damaged (File is not a zip file). Fetch it or pack it anew.",
    "tar": "damaged (it ends in the middle of a file). Fetch it or pack it anew.",
    "tar.gz": "damaged (it is cut short). Fetch it or pack it anew.",
    "tar.bz2": "damaged (it is cut short). Fetch it or pack it anew.",
    "tar.xz": "damaged (it is cut short). Fetch it or pack it anew.",
}


def noise(count: int) -> Files:
    return [(f"{c}/{i}.png", np.random.default_rng(i).bytes(4000)) for c in "ab" for i in range(count)]


@pytest.mark.parametrize("suffix", CUT)
def test_an_archive_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"cut.{suffix}", noise(4))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert refusal(path) == CUT[suffix]


def test_a_tar_cut_between_two_files_is_refused(tmp_path: Path) -> None:
    path = tarred(tmp_path / "cut.tar", noise(4))
    with tarfile.open(path) as archive:
        end = archive.getmembers()[3].offset
    path.write_bytes(path.read_bytes()[:end])
    assert refusal(path) == "damaged (it has no end). Fetch it or pack it anew."


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [
        ("zip", "Bad CRC-32 for file 'a/0.png'"),
        ("tar.gz", "CRC check failed"),
        ("tar.bz2", "a header in it is damaged"),
        ("tar.xz", "Corrupt input data"),
    ],
)
def test_a_changed_byte_is_found(tmp_path: Path, suffix: str, reason: str) -> None:
    path = tmp_path / f"changed.{suffix}"
    if suffix == "zip":  # stored, so that a changed byte still unpacks
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in noise(4):
                archive.writestr(name, content)
    else:
        plain = tarred(tmp_path / "plain.tar", noise(4)).read_bytes()
        levels = {
            "tar.gz": gzip.compress(plain, 0),
            "tar.bz2": bz2.compress(plain),
            "tar.xz": lzma.compress(plain),
        }
        path.write_bytes(levels[suffix])
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF
    path.write_bytes(data)
    assert refusal(path).startswith(f"damaged ({reason}")


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_any_damage_is_a_data_error_or_none(tmp_path: Path, suffix: str) -> None:
    good = pack(tmp_path / f"good.{suffix}").read_bytes()
    rng = np.random.default_rng(0)
    for i in range(120):
        data = bytearray(good)
        for at in rng.integers(0, len(data), rng.integers(1, 8)):
            data[at] = rng.integers(256)
        path = tmp_path / f"bad{i}.{suffix}"
        path.write_bytes(data[: rng.integers(1, len(data))] if i % 4 == 0 else data)
        with suppress(DataError):  # anything else, also a warning, fails the test
            assert len(open_source(path).splits["all"]) <= 6
        shutil.rmtree(cache_folder(), ignore_errors=True)


# --- bombs


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "ALWAYS_ALLOWED", 1 << 20)
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 50)


def bomb(limit: str) -> str:
    return (
        f"unpacks to more than {limit}, 100 times its size, as pictures do not. "
        "Unpack it yourself if you trust it, and give the folder."
    )


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_that_grows_beyond_measure_is_refused(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"bomb.{suffix}", [("a/1.ppm", bytes(20 << 20))])
    assert path.stat().st_size < 200_000
    assert refusal(path) == bomb("2 MB" if suffix in ("zip", "tar.gz") else "1 MB")


@pytest.mark.usefixtures("small_limits")
def test_a_zip_that_says_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.zip", [("a/1.ppm", bytes(20 << 20))])
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 20 << 20), struct.pack("<I", 1000)))
    assert refusal(path) == "damaged (Bad CRC-32 for file 'a/1.ppm'). Fetch it or pack it anew."


@pytest.mark.usefixtures("small_limits")
def test_a_file_said_to_be_huge_is_refused_before_it_is_written(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a/1.ppm")
    info.size = 1 << 50
    (tmp_path / "huge.tar").write_bytes(info.tobuf() + bytes(4096))
    assert refusal(tmp_path / "huge.tar") == bomb("1 MB")


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_too_many_files_are_refused(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"many.{suffix}", [(f"a/{i}.png", b"") for i in range(51)])
    assert refusal(path) == (
        "holds more than 50 files. Unpack it yourself if you trust it, and give the folder."
    )


def test_blank_pictures_are_no_bomb(tmp_path: Path) -> None:
    files = [(f"{c}/1.ppm", bytes(20 << 20)) for c in "ab"]
    assert len(open_source(zipped(tmp_path / "blank.zip", files)).splits["all"]) == 2
