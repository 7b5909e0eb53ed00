import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import is_animated, is_grey, size_of

RED = (255, 0, 0)


def blobs(height: int = 23, width: int = 31, *, mode: str = "RGB") -> Image.Image:
    """Return a smooth colourful picture without any symmetry."""
    seeds = np.random.default_rng(5).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(seeds).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pixels_of(image: Image.Image, mode: str = "RGB") -> NDArray[np.uint8]:
    return np.asarray(image.convert(mode))


def reason(picture: Any, channels: Any = 3) -> str:
    with pytest.raises(BadPicture) as caught:
        decode(picture, channels=channels)
    return str(caught.value)


def oriented(form: str, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(blobs(), form, exif=exif, **options)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*, size: tuple[int, int], depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """Return a PNG written by hand, for kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_jpeg_has_the_pixels_pillow_gives_it(
    subsampling: int, progressive: bool, channels: Any, mode: str
) -> None:
    data = encoded(blobs(61, 47), "JPEG", subsampling=subsampling, progressive=progressive, quality=60)
    expected = pixels_of(Image.open(io.BytesIO(data)), mode)
    np.testing.assert_array_equal(decode(data, channels=channels), expected)


def test_a_grey_jpeg_is_grey_in_one_channel_and_repeated_in_three() -> None:
    data = encoded(blobs(mode="L"), "JPEG")
    grey = decode(data, channels=1)
    np.testing.assert_array_equal(grey, pixels_of(Image.open(io.BytesIO(data)), "L"))
    np.testing.assert_array_equal(decode(data, channels=3), np.stack([grey] * 3, 2))


def test_a_jpeg_stored_as_rgb_is_read_as_rgb() -> None:
    data = encoded(blobs(), "JPEG", keep_rgb=True, quality=95)
    assert simplejpeg.decode_jpeg_header(data)[2] == "RGB"
    assert np.abs(decode(data, channels=3).astype(int) - pixels_of(blobs())).mean() < 3


def adobe_transform(data: bytes, value: int) -> bytes:
    """Return a JPEG whose Adobe marker says another colour transform."""
    place = data.index(b"Adobe\0") + 11
    return data[:place] + bytes([value]) + data[place + 1 :]


def test_a_cmyk_jpeg_is_converted_by_its_adobe_marker() -> None:
    data = encoded(blobs().convert("CMYK"), "JPEG", quality=95)
    assert simplejpeg.decode_jpeg_header(data)[2] == "CMYK"
    assert np.abs(decode(data, channels=3).astype(int) - pixels_of(blobs())).mean() < 3


def test_a_ycck_jpeg_is_converted_by_its_adobe_marker() -> None:
    # Adobe stores 255 - ink, and YCCK is the YCbCr of 255 less that: of the inks, which are the picture's negative.
    ycc = np.asarray(ImageOps.invert(blobs()).convert("YCbCr"))
    planes = np.dstack([ycc, np.full(ycc.shape[:2], 255, np.uint8)])
    data = adobe_transform(encoded(Image.fromarray(255 - planes, "CMYK"), "JPEG", quality=95), 2)
    assert simplejpeg.decode_jpeg_header(data)[2] == "YCCK"
    assert np.abs(decode(data, channels=3).astype(int) - pixels_of(blobs())).mean() < 4


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_every_exif_orientation_is_turned_upright_as_pillow_turns_it(
    form: str, orientation: int, channels: Any, mode: str
) -> None:
    data = oriented(form, orientation)
    expected = pixels_of(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), mode)
    assert expected.shape[:2] == ((31, 23) if orientation >= 5 else (23, 31))
    np.testing.assert_array_equal(decode(data, channels=channels), expected)
    np.testing.assert_array_equal(decode(Image.open(io.BytesIO(data)), channels=channels), expected)


def test_a_lossless_picture_turned_away_and_back_has_its_own_pixels() -> None:
    turned = blobs().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # show me turned a quarter clockwise
    data = encoded(turned, "PNG", exif=exif)
    np.testing.assert_array_equal(decode(data, channels=3), pixels_of(blobs()))


def test_an_orientation_behind_long_segments_is_found() -> None:
    data = oriented("JPEG", 6)
    comments = b"".join(b"\xff\xfe\xff\xff" + bytes(65533) for _ in range(3))
    late = data[:2] + comments + data[2:]
    np.testing.assert_array_equal(decode(late, channels=3), decode(data, channels=3))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_without_a_meaning_is_upright(orientation: int) -> None:
    upright = decode(oriented("JPEG", 1), channels=3)
    np.testing.assert_array_equal(decode(oriented("JPEG", orientation), channels=3), upright)


def test_a_broken_exif_block_does_not_cost_the_picture() -> None:
    block = b"Exif\0\0" + b"no tags at all here"
    plain = encoded(blobs(), "JPEG")
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:]
    np.testing.assert_array_equal(decode(data, channels=3), decode(plain, channels=3))


def test_a_jpeg_whose_every_pixel_is_there_is_read_whatever_else_is_odd() -> None:
    plain = encoded(blobs(), "JPEG")
    expected = decode(plain, channels=3)
    revision = plain.replace(b"JFIF\0\x01", b"JFIF\0\x07")
    stuffed = plain[:-2] + bytes(40) + plain[-2:]
    for odd, complaint in (
        (revision, "unknown JFIF revision"),
        (stuffed, "extraneous bytes before marker 0xd9"),
    ):
        with pytest.raises(ValueError, match=complaint):
            simplejpeg.decode_jpeg(odd)
        np.testing.assert_array_equal(decode(odd, channels=3), expected)
    np.testing.assert_array_equal(decode(plain + b"trailing bytes", channels=3), expected)


# --- depth, palettes, transparency


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_a_16_bit_picture_is_scaled_by_the_range_of_16_bits(form: str) -> None:
    values = np.array([[0, 128, 257, 32767], [32896, 65278, 65535, 1000]], np.uint16)
    expected = [[round(v / 257) for v in row] for row in values.tolist()]
    data = encoded(Image.fromarray(values), form)
    assert decode(data, channels=1).tolist() == expected
    assert decode(data, channels=3)[:, :, 2].tolist() == expected


def test_a_16_bit_colour_png_is_scaled_by_the_range_of_16_bits() -> None:
    rows = b"\0" + struct.pack(">6H", 0, 32896, 65535, 65535, 257, 0)
    data = png(size=(2, 1), depth=16, colour=2, rows=rows)
    assert decode(data, channels=3).tolist() == [[[0, 128, 255], [255, 1, 0]]]


def test_the_transparent_value_of_a_16_bit_png_is_white() -> None:
    rows = b"\0" + struct.pack(">3H", 0, 257, 514)
    data = png(size=(3, 1), depth=16, colour=0, rows=rows, extra=png_chunk(b"tRNS", struct.pack(">H", 257)))
    assert decode(data, channels=1).tolist() == [[0, 255, 2]]


def test_a_float_tiff_is_scaled_from_0_to_1() -> None:
    values = np.array([[0.0, 0.5, 1.0]], np.float32)
    assert decode(encoded(Image.fromarray(values), "TIFF"), channels=1).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([[0.0, 200.5]], "float32 values from 0.0 to 200.5; wanted 0 to 1"),
        ([[-1.0, 1.0]], "float32 values from -1.0 to 1.0; wanted 0 to 1"),
        ([[float("nan"), 1.0]], "float32 values from nan to nan; wanted 0 to 1"),
    ],
)
def test_floats_of_an_unknown_range_are_refused_rather_than_clipped(values: Any, complaint: str) -> None:
    assert reason(encoded(Image.fromarray(np.array(values, np.float32)), "TIFF")) == complaint


def test_integers_beyond_16_bits_are_refused_rather_than_clipped() -> None:
    values = np.array([[0, 70000]], np.int32)
    assert (
        reason(encoded(Image.fromarray(values), "TIFF")) == "int32 values from 0 to 70000; wanted 0 to 65535"
    )


@pytest.mark.parametrize(("channels", "black", "white"), [(1, 0, 255), (3, [0] * 3, [255] * 3)])
def test_a_1_bit_picture_is_black_and_white(channels: Any, black: Any, white: Any) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert decode(encoded(image, "PNG"), channels=channels).tolist() == [[black, white]]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(form: str) -> None:
    values = np.array([[[255, 0, 0, 255], [255, 0, 0, 128], [9, 99, 199, 0]]], np.uint8)
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(Image.fromarray(values), form, **options)
    assert decode(data, channels=3).tolist() == [[[255, 0, 0], [255, 127, 127], [255, 255, 255]]]


def test_grey_with_transparency_is_laid_on_white() -> None:
    data = encoded(Image.fromarray(np.array([[[0, 255], [0, 128], [77, 0]]], np.uint8)), "PNG")
    assert decode(data, channels=1).tolist() == [[0, 127, 255]]


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_colour_is_laid_on_white(form: str) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, 0, 0, 255])
    image.putpixel((1, 0), 1)
    data = encoded(image, form, transparency=1)
    assert decode(data, channels=3).tolist() == [[list(RED), [255] * 3]]


def test_a_palette_with_half_transparent_colours_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, 0, 0, 255])
    image.putpixel((1, 0), 1)
    data = encoded(image, "PNG", transparency=bytes([255, 128]))
    assert decode(data, channels=3).tolist() == [[list(RED), [127, 127, 255]]]


# --- animations


@pytest.mark.parametrize(
    ("form", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})]
)
def test_the_first_frame_of_an_animation_is_taken_and_it_is_known_as_one(form: str, options: Any) -> None:
    first, second = Image.new("RGB", (6, 5), RED), Image.new("RGB", (6, 5), (0, 255, 0))
    data = encoded(first, form, save_all=True, append_images=[second], **options)
    np.testing.assert_array_equal(decode(data, channels=3), pixels_of(first))
    assert is_animated(data)
    assert not is_animated(encoded(first, form, **options))


def test_what_is_no_file_or_no_picture_is_not_animated() -> None:
    assert not is_animated(np.zeros((2, 2), np.uint8))
    assert not is_animated(b"GIF89a and then nothing")
    assert not is_animated(encoded(blobs(), "JPEG"))


# --- arrays and Pillow images


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
@pytest.mark.parametrize("stored", ["L", "RGB", "RGBA"])
def test_an_array_a_pillow_image_and_a_lossless_file_are_the_same_pixels(
    channels: Any, mode: str, stored: str
) -> None:
    image = blobs(mode=stored)
    expected = pixels_of(image, mode)
    for picture in (np.asarray(image), image, encoded(image, "PNG"), encoded(image, "TIFF")):
        np.testing.assert_array_equal(decode(picture, channels=channels), expected)


def test_an_array_of_one_channel_is_grey() -> None:
    values = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert decode(values, channels=1).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.zeros((4, 4), np.complex64), "complex64 (4, 4)"),
        (np.zeros((0, 4), np.float32), "float32 (0, 4)"),
        (np.zeros((4, 4), bool), "bool (4, 4)"),
        (np.zeros((4, 4, 3), np.int64), "int64 (4, 4, 3)"),
        (np.zeros((3, 32, 32), np.uint8), "uint8 (3, 32, 32)"),
        (np.zeros((4, 4, 2), np.uint8), "uint8 (4, 4, 2)"),
        (np.zeros(4, np.uint8), "uint8 (4,)"),
        (np.zeros((0, 5), np.uint8), "uint8 (0, 5)"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_array_that_is_no_picture_is_refused(array: Any, came: str, channels: Any) -> None:
    expected = f"an array of {came}; wanted uint8, uint16 or floats in 0..1, (H, W), (H, W, 3) or (H, W, 4)"
    assert reason(array, channels) == expected


def test_a_pillow_image_without_pixels_is_refused() -> None:
    assert reason(Image.new("RGB", (0, 0))) == "it has no pixels"


# --- bad files


def test_an_empty_file_says_so() -> None:
    assert reason(b"") == "the file is empty"


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><title>404</title>", b"\0" * 500, b"\xff\xd8\xffwhat?"])
def test_a_file_that_is_no_picture_says_so(content: bytes) -> None:
    assert reason(content) == "not a picture of a known format"


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_jpeg_says_so(kept: float) -> None:
    data = encoded(blobs(200, 300), "JPEG", quality=95)
    assert reason(data[: int(len(data) * kept)]) == "Premature end of JPEG file"


def test_a_jpeg_cut_in_its_header_says_so() -> None:
    assert reason(encoded(blobs(), "JPEG")[:200]) == "damaged or cut short"


def test_a_truncated_cmyk_jpeg_says_so() -> None:
    data = encoded(blobs(200, 300).convert("CMYK"), "JPEG", quality=95)
    assert reason(data[: len(data) // 2]).startswith("image file is truncated")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_png_is_refused(kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    assert reason(data[: int(len(data) * kept)]).startswith("image file is truncated")


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    bomb = png(size=(20_000, 10_000), depth=8, colour=0, rows=b"")
    assert reason(bomb) == (
        "Image size (200000000 pixels) exceeds limit of 178956970 pixels, could be decompression bomb DOS attack."
    )
    assert size_of(bomb) is None
    assert is_grey(bomb)


def test_a_jpeg_bomb_is_refused_from_its_header() -> None:
    small = encoded(Image.new("L", (8, 8)), "JPEG")
    place = small.index(b"\xff\xc0") + 5
    bomb = small[:place] + struct.pack(">HH", 20_000, 30_000) + small[place + 4 :]
    assert reason(bomb) == "30000 x 20000 pixels are more than the 178,956,970 a picture may have"


# --- headers


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "F"])
def test_pictures_stored_without_colour_are_grey(mode: str) -> None:
    form = "TIFF" if mode == "F" else "PNG"
    values = np.zeros((3, 4), np.uint16) if mode == "I;16" else None
    image = Image.new(mode, (4, 3)) if values is None else Image.fromarray(values)
    assert is_grey(image)
    assert is_grey(encoded(image, form))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_pictures_stored_with_colour_are_not_grey(mode: str) -> None:
    image = blobs(mode=mode) if mode != "P" else blobs().quantize(8)
    assert not is_grey(image)
    assert not is_grey(encoded(image, "TIFF"))


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "TIFF"])
def test_a_palette_of_greys_is_grey(form: str) -> None:
    image = Image.new("P", (2, 2))
    image.putpalette([value for grey in (200, 10, 90) for value in (grey, grey, grey)])
    assert is_grey(encoded(image, form))


def test_arrays_are_grey_by_their_shape() -> None:
    assert is_grey(np.zeros((2, 2), np.uint8))
    assert is_grey(np.zeros((2, 2, 1), np.uint8))
    assert not is_grey(np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "PPM", "WEBP"])
def test_the_size_is_height_and_width(form: str) -> None:
    assert size_of(encoded(blobs(23, 31), form)) == (23, 31)


def test_the_size_of_what_cannot_be_read_is_unknown() -> None:
    assert size_of(b"nothing") is None
    assert size_of(np.zeros((3, 5, 3), np.uint8)) == (3, 5)


@pytest.mark.parametrize(
    "brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"hevc\0\0\0\0msf1hevc"]
)
def test_heic_is_refused_with_what_to_do(brands: bytes) -> None:
    data = struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(200)
    assert reason(data) == "HEIC: convert it to JPEG or PNG"


def test_an_avif_is_close_to_what_was_stored() -> None:
    data = encoded(blobs(), "AVIF", quality=95, subsampling="4:4:4")
    assert np.abs(decode(data, channels=3).astype(int) - pixels_of(blobs())).mean() < 3
    assert size_of(data) == (23, 31)
    assert not is_grey(data)


def test_more_pixels_than_the_bytes_of_a_jpeg_can_hold_are_refused_unread() -> None:
    data = encoded(Image.new("L", (8, 8)), "JPEG")
    place = data.index(b"\xff\xc0") + 5
    claim = data[:place] + struct.pack(">HH", 10_000, 12_000) + data[place + 4 :]
    assert reason(claim) == f"12000 x 10000 pixels cannot be in {len(data):,} bytes"


def test_a_blank_jpeg_as_small_as_huffman_codes_make_it_is_read() -> None:
    data = encoded(
        Image.new("RGB", (6000, 6000), "white"), "JPEG", quality=1, optimize=True, progressive=True
    )
    assert (decode(data, channels=1) == 255).all()
