"""Every ending of a kind that can be read is one that folders are looked through for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.sources.opening import open_source


@pytest.mark.parametrize("ending", [".pbm", ".pnm", ".dib", ".PNM"])
def test_a_picture_with_a_rarer_ending_of_its_kind_is_listed(tmp_path: Path, ending: str) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        picture = Image.fromarray(np.zeros((4, 4), np.uint8)).convert("1" if ending == ".pbm" else "L")
        picture.save(tmp_path / name / f"a{ending}", format="BMP" if ending == ".dib" else "PPM")
    source = open_source(tmp_path)
    assert len(source.splits["all"]) == 2
    assert not source.notes
