"""What a user without the extras sees: the package is made unfindable in a process of its own."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from mutants import dicom

DICOM = "DICOM files cannot be read: pydicom is not installed. Install it: pip install 'striate[medical]'"
TIFF = (
    "TIFFs of this kind cannot be read: tifffile is not installed. Install it: pip install 'striate[bands]'"
)


def five_bands(value: int = 0) -> bytes:
    file = io.BytesIO()
    values = np.full((8, 8, 5), value, np.uint8)
    tifffile.imwrite(file, values, photometric="minisblack", planarconfig="contig")
    return file.getvalue()


def trained_without(package: str, data: Path) -> tuple[int, str]:
    """Return the exit code and the errors of `striate train` where a package is not installed."""
    program = (
        f"import sys; sys.modules[{package!r}] = None; from striate.cli.main import main; sys.exit(main())"
    )
    argv = [sys.executable, "-c", program, "train", str(data), "--size", "8", "--out", str(data / "run")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("package", "suffix", "content", "line"),
    [("pydicom", "dcm", dicom(np.zeros((8, 8), np.uint8)), DICOM), ("tifffile", "tif", five_bands(), TIFF)],
)
def test_a_folder_that_needs_a_missing_package_ends_in_the_command_that_brings_it(
    package: str, suffix: str, content: Any, line: str, tmp_path: Path
) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"{number}.{suffix}").write_bytes(content)
    code, err = trained_without(package, tmp_path)
    first, *listed, last = err[err.index("striate: ") :].splitlines()
    assert code == 2
    assert first == f"striate: {tmp_path}: none of the training pictures can be read:"
    assert sorted(listed) == [f"  {label}/{n}.{suffix}: {line}" for label in "ab" for n in range(3)]
    assert last == line


@pytest.mark.parametrize(
    ("broken", "second"),
    [(0, "striate check set"), (1, "striate check set --write-manifest clean.csv")],
)
def test_a_check_that_lacks_a_package_begins_with_what_installs_it(
    broken: int, second: str, tmp_path: Path
) -> None:
    for number, label in enumerate("aabb"):
        folder = tmp_path / "set" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.dcm").write_bytes(dicom(np.full((8, 8), 40 * number, np.uint8)))
        (folder / f"{number}.tif").write_bytes(five_bands(number))
    for number in range(broken):
        (tmp_path / "set" / "a" / f"broken{number}.png").write_bytes(b"no picture")
    program = (
        "import sys; sys.modules['pydicom'] = sys.modules['tifffile'] = None; from striate.cli.main import main; "
        "sys.exit(main(['check', 'set']))"
    )
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert "".join(done.stdout.partition("mend it with\n")[1:]).splitlines() == [
        "mend it with",
        "  pip install 'striate[bands]'",
        "  pip install 'striate[medical]'",
        f"  {second}",
        *(["  striate train clean.csv"] if broken else ["  striate train set"]),
    ]


def test_what_a_check_could_not_read_without_a_package_is_read_once_it_is_there(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((8, 8), 40 * number + ord(label), np.uint8)
            (tmp_path / "set" / label / f"{number}.dcm").write_bytes(dicom(pixels))
    check = (
        f"from striate.cli.main import main; sys.exit(main(['check', {str(tmp_path / 'set')!r}, '--json']))"
    )
    unreadable = []
    for state in ("sys.modules['pydicom'] = None", "pass"):
        argv = [sys.executable, "-c", f"import sys; {state}; {check}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        unreadable.append([bad["reason"] for bad in json.loads(done.stdout)["unreadable"]])
    assert unreadable == [[DICOM] * 6, []]
