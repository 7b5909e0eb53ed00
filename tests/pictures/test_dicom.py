"""DICOM, held to the standard's own sums and to pydicom's windowing."""

import io
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from mutants import dicom
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import bands_of, depth_of, is_animated, size_of

TWELVE = {"BitsStored": 12, "HighBit": 11}


def noise(*shape: int, low: int = 0, high: int = 4096, dtype: Any = np.uint16) -> Any:
    return np.random.default_rng(3).integers(low, high, shape).astype(dtype)


def reason(data: bytes, channels: int = 1) -> str:
    with pytest.raises(BadPicture) as caught:
        decode(data, channels=channels)
    return str(caught.value)


def compressed(data: bytes, syntax: str, frame: bytes) -> bytes:
    """Return a DICOM file with its pixels in compressed form."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def test_without_a_window_the_full_range_of_the_stored_bits_is_shown() -> None:
    values = noise(6, 7)
    data = dicom(values, **TWELVE)
    np.testing.assert_array_equal(decode(data, channels=1), np.rint(values / 4095 * 255))
    np.testing.assert_array_equal(decode(data, channels=1, depth=16), np.rint(values / 4095 * 65535))
    np.testing.assert_array_equal(decode(data, channels=3), np.stack([decode(data, channels=1)] * 3, 2))
    assert (size_of(data), bands_of(data), depth_of(data)) == ((6, 7), 1, 16)
    bytes_ = noise(6, 7, high=256, dtype=np.uint8)
    np.testing.assert_array_equal(decode(dicom(bytes_), channels=1), bytes_)
    assert depth_of(dicom(bytes_)) == 8


def test_the_modality_s_scale_changes_what_a_window_sees_but_not_the_full_range() -> None:
    values = noise(6, 7)
    scaled = dicom(values, **TWELVE, RescaleSlope=2, RescaleIntercept=-1024)
    np.testing.assert_array_equal(decode(scaled, channels=1), decode(dicom(values, **TWELVE), channels=1))
    falling = dicom(values, **TWELVE, RescaleSlope=-1, RescaleIntercept=0)
    np.testing.assert_array_equal(decode(falling, channels=1), np.rint((4095 - values) / 4095 * 255))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(40, 400), (-600, 1500), (0, 1), ([300, 50], [1500, 350])])
def test_a_window_is_pydicom_s_window(function: str, centre: Any, width: Any) -> None:
    values = noise(30, 40, low=-1000, high=2000, dtype=np.int16)
    tags = {"RescaleSlope": 1.5, "RescaleIntercept": -10, "VOILUTFunction": function}
    data = dicom(values, WindowCenter=centre, WindowWidth=width, **tags)
    dataset = pydicom.dcmread(io.BytesIO(data))
    with np.errstate(over="ignore"):
        theirs = apply_voi_lut(apply_modality_lut(values, dataset), dataset, index=0)
    least, most = (1.5 * end - 10 for end in (-32768, 32767))
    ours = decode(data, channels=1, depth=16)
    np.testing.assert_allclose(ours, (theirs - least) / (most - least) * 65535, atol=0.51)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("width", [0, -5])
def test_a_window_without_a_width_is_a_threshold(function: str, width: int) -> None:
    values = np.array([[10, 20, 30, 40]], np.uint16)
    data = dicom(values, WindowCenter=25, WindowWidth=width, VOILUTFunction=function)
    assert decode(data, channels=1).tolist() == [[0, 0, 255, 255]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_bits_above_those_stored_are_no_part_of_the_values(dtype: Any) -> None:
    low = 0 if dtype == np.uint16 else -2048
    values = noise(6, 7, low=low, high=low + 4096, dtype=dtype)
    overlaid = (values & 0xFFF | 0x5000).astype(dtype)
    clean, dirty = dicom(values, **TWELVE), dicom(overlaid, **TWELVE)
    np.testing.assert_array_equal(decode(dirty, channels=1, depth=16), decode(clean, channels=1, depth=16))
    np.testing.assert_array_equal(decode(clean, channels=1, depth=16), np.rint((values - low) / 4095 * 65535))


def test_a_lookup_table_is_followed() -> None:
    values = noise(6, 7, high=256, dtype=np.uint8)
    table = pydicom.Dataset()
    table.LUTDescriptor = [256, 0, 16]
    curve = (np.sqrt(np.arange(256) / 255) * 65535).astype(np.uint16)
    table.LUTData = curve.tobytes()
    data = dicom(values, VOILUTSequence=[table])
    expected = curve[values]
    np.testing.assert_array_equal(decode(data, channels=1, depth=16), expected)


def test_monochrome1_is_turned_so_that_0_is_black() -> None:
    values = noise(6, 7, high=256, dtype=np.uint8)
    data = dicom(values, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(decode(data, channels=1), 255 - values)


def test_colour_comes_as_it_is() -> None:
    values = noise(6, 7, 3, high=256, dtype=np.uint8)
    np.testing.assert_array_equal(decode(dicom(values), channels=3), values)
    assert bands_of(dicom(values)) == 3
    assert reason(dicom(values), 5) == "it has 3 bands; wanted 5"


def test_of_many_frames_the_first_is_taken_and_it_is_known() -> None:
    values = noise(6, 7)
    dataset = pydicom.dcmread(io.BytesIO(dicom(values)))
    dataset.NumberOfFrames = 2
    dataset.PixelData = values.tobytes() + np.zeros_like(values).tobytes()
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    np.testing.assert_array_equal(decode(file.getvalue(), channels=1), decode(dicom(values), channels=1))
    assert is_animated(file.getvalue())
    assert not is_animated(dicom(values))


VALUES = noise(30, 40)
LOSSLESS = {
    uid.JPEG2000Lossless: imagecodecs.jpeg2k_encode(VALUES, level=0, codecformat="j2k", reversible=True),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode(VALUES),
    uid.JPEGLosslessSV1: imagecodecs.ljpeg_encode(VALUES, bitspersample=12),
    uid.HTJ2KLossless: imagecodecs.htj2k_encode(VALUES),
}


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
def test_lossless_compression_loses_nothing(syntax: Any) -> None:
    plain = dicom(VALUES, **TWELVE)
    packed = compressed(plain, syntax, LOSSLESS[syntax])
    np.testing.assert_array_equal(decode(packed, channels=1, depth=16), decode(plain, channels=1, depth=16))


def test_run_lengths_are_read() -> None:
    plain = dicom(VALUES, **TWELVE)
    dataset = pydicom.dcmread(io.BytesIO(plain))
    dataset.compress(uid.RLELossless, generate_instance_uid=False)
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    np.testing.assert_array_equal(decode(file.getvalue(), channels=1), decode(plain, channels=1))


def test_signed_values_keep_their_sign_in_lossless_jpeg() -> None:
    values = noise(30, 40, low=-2048, high=2048, dtype=np.int16)
    plain = dicom(values, **TWELVE)
    frame = imagecodecs.ljpeg_encode((values & 0xFFF).astype(np.uint16), bitspersample=12)
    np.testing.assert_array_equal(
        decode(compressed(plain, uid.JPEGLosslessSV1, frame), channels=1, depth=16),
        decode(plain, channels=1, depth=16),
    )


def test_jpeg_of_8_and_12_bits_is_read() -> None:
    smooth = np.add.outer(np.arange(30), np.arange(40)).astype(np.uint16) * 50
    frame = imagecodecs.jpeg8_encode(smooth, level=98, bitspersample=12)
    data = compressed(dicom(smooth, **TWELVE), uid.JPEGExtended12Bit, frame)
    np.testing.assert_allclose(decode(data, channels=1), smooth / 4095 * 255, atol=2)
    bytes_ = (smooth // 16).astype(np.uint8)
    frame = imagecodecs.jpeg8_encode(bytes_, level=98)
    data = compressed(dicom(bytes_), uid.JPEGBaseline8Bit, frame)
    np.testing.assert_allclose(decode(data, channels=1), bytes_, atol=4)


def test_what_cannot_be_read_says_why() -> None:
    plain = dicom(VALUES, **TWELVE)
    assert reason(plain[:-100]) == "image file is truncated"
    assert reason(compressed(plain, uid.MPEG2MPML, b"film")) == (
        "DICOM of MONOCHROME2 compressed as MPEG2 Main Profile / Main Level, which cannot be read"
    )
    assert reason(dicom(VALUES, PhotometricInterpretation="HSV")) == (
        "a DICOM file of HSV, which is not read"
    )
    assert reason(dicom(VALUES, Rows=60_000, Columns=60_000)) == (
        "60000 x 60000 pixels are more than the 178,956,970 a picture may have"
    )
    dataset = pydicom.dcmread(io.BytesIO(plain))
    del dataset.PixelData
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    assert reason(file.getvalue()) == "a DICOM file without pixels"
    assert reason(compressed(plain, uid.JPEGLSLossless, imagecodecs.jpegls_encode(VALUES[:20]))) == (
        "its frame is of another size than its header tells"
    )
