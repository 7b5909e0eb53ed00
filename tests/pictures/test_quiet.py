import io
import struct
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from striate.pictures.decode import decode
from striate.pictures.quiet import quiet


def warn(module: str) -> None:
    warnings.warn_explicit("odd", UserWarning, f"{module}.py", 1, module=module)


def test_what_the_packages_warn_of_is_ignored_and_all_else_is_not() -> None:
    with quiet():
        warn("PIL.TiffImagePlugin")
        warn("pydicom.values")
        with pytest.raises(UserWarning):
            warn("PILLAR")
    with pytest.raises(UserWarning):
        warn("PIL.TiffImagePlugin")


def test_the_filters_are_what_they_were_once_the_last_thread_is_out() -> None:
    before = list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    with quiet():
        thread.start()
        assert inside.wait(10)
    warn("PIL.Image")  # the other thread is still in there
    leave.set()
    thread.join()
    assert list(warnings.filters) == before


def test_a_picture_whose_tags_pillow_warns_of_has_its_pixels() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (9, 99, 199)).save(file, "JPEG")
    plain = file.getvalue()
    cut = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01"  # five tags are promised, half of one is there
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(cut) + 2) + cut + plain[2:]
    with pytest.warns(UserWarning, match="Corrupt EXIF data"):
        Image.open(io.BytesIO(data)).getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decode(data, channels=3), decode(plain, channels=3))
