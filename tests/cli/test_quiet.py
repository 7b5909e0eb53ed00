import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from striate.cli.main import main
from striate.data.decode import decode


def test_warnings_about_the_tags_of_some_file_are_kept_off_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (9, 99, 199)).save(file, "JPEG")
    plain = file.getvalue()
    cut = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01"  # five tags are promised, half of one is there
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(cut) + 2) + cut + plain[2:]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(decode(data, channels=3), decode(plain, channels=3))
        assert "Corrupt EXIF data" in str(told.pop(0).message)
        assert main(["--version"]) == 0
        decode(data, channels=3)
    assert told == []
    assert capsys.readouterr().out.startswith("striate, version ")
