import sys
import tomllib
from pathlib import Path

import pytest

from striate.errors import UsageError
from striate.host.extras import LEAVES, Leaf, installs, load_leaf, missing_extras

PARQUET = "Parquet files cannot be read: pyarrow is not installed. Install it: pip install 'striate[parquet]'"
DICOM = "DICOM files cannot be read: imagecodecs is not installed. Install it: pip install 'striate[medical]'"


@pytest.fixture
def leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that needs pyarrow, on a path where pyarrow is not."""
    name = "leaf_that_needs_pyarrow"
    (tmp_path / f"{name}.py").write_text("import pyarrow.parquet\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(LEAVES, name, LEAVES["striate.sources.parquet.arrow"])
    return name


def test_a_missing_extra_is_one_line_with_the_command_that_brings_it(leaf: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_leaf(leaf)
    assert str(caught.value) == PARQUET


def test_another_missing_module_is_not_blamed_on_the_extra(
    leaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LEAVES, leaf, Leaf("DICOM files cannot be read", ("pydicom",), "medical"))
    with pytest.raises(ModuleNotFoundError):
        load_leaf(leaf)


def test_of_many_reasons_those_that_an_extra_would_mend_are_told_once() -> None:
    reasons = ["the file is empty", DICOM, "Install it", DICOM, PARQUET]
    assert missing_extras(reasons) == [DICOM, PARQUET]


def test_an_extra_that_brings_several_packages_is_installed_once() -> None:
    without_pydicom = DICOM.replace("imagecodecs", "pydicom")
    assert installs(["the file is empty", PARQUET, DICOM, without_pydicom]) == [
        "pip install 'striate[parquet]'",
        "pip install 'striate[medical]'",
    ]
    assert installs(["the file is empty"]) == []


def test_every_leaf_is_a_module_and_its_packages_come_with_its_extra() -> None:
    root = Path(__file__).parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for module, leaf in LEAVES.items():
        assert (root / "src" / module.replace(".", "/")).with_suffix(".py").is_file()
        assert set(leaf.packages) <= {line.split(">")[0] for line in extras[leaf.extra]}
