import sys
from pathlib import Path

import pytest

from striate.errors import UsageError
from striate.extras import load_leaf


@pytest.fixture
def leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that needs pyarrow, on a path where pyarrow is not."""
    (tmp_path / "leaf_that_needs_pyarrow.py").write_text("import pyarrow.parquet\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    return "leaf_that_needs_pyarrow"


def test_a_missing_extra_is_one_line_with_the_command_that_brings_it(leaf: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_leaf(leaf, extra="parquet", what="Parquet files")
    assert str(caught.value) == (
        "Parquet files cannot be read: pyarrow is not installed. Install it: pip install 'striate[parquet]'"
    )


def test_another_missing_module_is_not_blamed_on_the_extra(leaf: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        load_leaf(leaf, extra="medical", what="DICOM files")
