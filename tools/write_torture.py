"""Make the torture folder: files and folders as people really have them, each with what striate must do with it.

    python tools/write_torture.py FOLDER

pictures/ is one data set of single files; folders/ holds whole data sets. Every file and folder is named for what it
is. PICTURES and FOLDERS are the specification, which tests/pictures/test_torture.py holds striate to.
"""

import io
import os
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

HEIGHT, WIDTH = 24, 32
# The picture in most files: red, green, blue and white quarters, so that its way up and its colours can be told.
QUARTERS = ((200, 30, 30), (30, 180, 60), (40, 60, 210), (255, 255, 255))
GREYS = tuple((round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in QUARTERS)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
Quarters = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Pixels:
    """It is read: its quarters have these colours, give or take."""

    quarters: Quarters = QUARTERS
    tolerance: int = 0
    animated: bool = False


@dataclass(frozen=True)
class Quarantined:
    """It is left out, with this reason."""

    reason: str


@dataclass(frozen=True)
class Ignored:
    """It is no part of the data set; `note` stands in what is said of it."""

    note: str


@dataclass(frozen=True)
class Refused:
    """The whole data set is refused; {root} is where it stands."""

    message: str


@dataclass(frozen=True)
class Opened:
    """The data set is listed: its classes, how many pictures in each split, and every note."""

    classes: tuple[str, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()


def picture(mode: str = "RGB", quarters: Quarters = QUARTERS) -> Image.Image:
    """Return the picture of quarters."""
    values = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    high, wide = HEIGHT // 2, WIDTH // 2
    for place, colour in enumerate(quarters):
        row, column = divmod(place, 2)
        values[row * high : (row + 1) * high, column * wide : (column + 1) * wide] = colour
    return Image.fromarray(values).convert(mode)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return a picture as a file's bytes."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def turned(form: str, orientation: int, **options: Any) -> bytes:
    """Return a file stored in another way up, with the EXIF tag that says so."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation -> Image.Transpose that stores it so
    image = picture()
    if orientation != 1:
        image = image.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, form, exif=exif, **options)


def npy(values: Any) -> bytes:
    """Return an array as a .npy file."""
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """Return a PNG of a kind that Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def deep_png() -> bytes:
    """Return a PNG of 16-bit RGB."""
    values = np.asarray(picture()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(WIDTH, HEIGHT, 16, 2, rows)


def ycck() -> bytes:
    """Return a JPEG of the inks' YCbCr, as Adobe writes them."""
    ycc = np.asarray(ImageOps.invert(picture()).convert("YCbCr"))
    planes = np.dstack([ycc, np.full(ycc.shape[:2], 255, np.uint8)])
    data = saved(Image.fromarray(255 - planes, "CMYK"), "JPEG", quality=95, subsampling=0)
    place = data.index(b"Adobe\0") + 11
    return data[:place] + b"\2" + data[place + 1 :]


def with_alpha(mode: str) -> Image.Image:
    """Return the picture with its white quarter transparent, and black below."""
    image = picture(mode, (*QUARTERS[:3], BLACK))
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    image.putalpha(alpha)
    return image


def transparent_palette(form: str) -> bytes:
    """Return a file of a palette whose fourth colour is transparent."""
    image = Image.fromarray(np.repeat(np.repeat(np.array([[0, 1], [2, 3]], np.uint8), 12, 0), 16, 1), "P")
    image.putpalette([value for colour in (*QUARTERS[:3], BLACK) for value in colour])
    return saved(image, form, transparency=3)


def moving(form: str, **options: Any) -> bytes:
    """Return an animation whose second frame is black."""
    return saved(picture(), form, save_all=True, append_images=[picture().point(lambda value: 0)], **options)


def jpeg(**options: Any) -> bytes:
    """Return the picture as a JPEG."""
    return saved(picture(), "JPEG", **{"quality": 95, "subsampling": 0, **options})


def grown(data: bytes, place: int, segment: bytes) -> bytes:
    """Return a JPEG with a segment put in."""
    return data[:place] + segment + data[place:]


def jpeg_claiming(height: int, width: int) -> bytes:
    """Return a small JPEG whose header tells of another size."""
    data = jpeg()
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


DEEP = np.asarray(picture("L")).astype(np.uint16) * 257
NOISE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
NEAR, ROUGH = Pixels(tolerance=4), Pixels(tolerance=10)
GREY = Pixels(GREYS, tolerance=2)
UNKNOWN = Quarantined("not a picture of a known format")
BROKEN_EXIF = b"\xff\xe1\x00\x1bExif\0\0no tags at all here"

# File name below a class folder -> its content, and what must become of it.
PICTURES: dict[str | bytes, tuple[Callable[[], bytes], Pixels | Quarantined | Ignored]] = {
    # --- JPEG
    "jpeg.jpg": (jpeg, NEAR),
    "jpeg in capitals.JPG": (jpeg, NEAR),
    "jpeg of coarse colour.jpeg": (lambda: jpeg(subsampling=2), ROUGH),
    "jpeg progressive.jpg": (lambda: jpeg(progressive=True), NEAR),
    "jpeg grey.jpg": (lambda: saved(picture("L"), "JPEG", quality=95), Pixels(GREYS, tolerance=4)),
    "jpeg stored as rgb.jpg": (lambda: jpeg(keep_rgb=True), NEAR),
    "jpeg cmyk.jpg": (lambda: saved(picture("CMYK"), "JPEG", quality=95), ROUGH),
    "jpeg ycck.jpg": (ycck, ROUGH),
    "jpeg of two pictures (mpo).jpg": (lambda: moving("MPO", quality=95, subsampling=0), NEAR),
    "jpeg with bytes behind its end.jpg": (lambda: jpeg() + b"\0" * 99, NEAR),
    "jpeg with stuffing before its end.jpg": (lambda: jpeg()[:-2] + bytes(40) + jpeg()[-2:], NEAR),
    "jpeg of an odd jfif revision.jpg": (lambda: jpeg().replace(b"JFIF\0\x01", b"JFIF\0\x07"), NEAR),
    "jpeg with a broken exif block.jpg": (lambda: grown(jpeg(), 2, BROKEN_EXIF), NEAR),
    "jpeg with long comments.jpg": (lambda: grown(jpeg(), 2, b"\xff\xfe\xff\xff" + bytes(65533)), NEAR),
    **{
        f"exif orientation {n}.jpg": (partial(turned, "JPEG", n, quality=95, subsampling=0), NEAR)
        for n in range(1, 9)
    },
    "exif orientation 6.png": (lambda: turned("PNG", 6), Pixels()),
    "exif orientation 8.webp": (lambda: turned("WEBP", 8, lossless=True), Pixels()),
    "exif orientation 3.tif": (lambda: turned("TIFF", 3), Pixels()),
    # --- names that lie
    "png by content.jpg": (lambda: saved(picture(), "PNG"), Pixels()),
    "jpeg by content.png": (jpeg, NEAR),
    "webp by content": (lambda: saved(picture(), "WEBP", lossless=True), Pixels()),
    "gif by content.tiff": (lambda: saved(picture().quantize(8), "GIF"), Pixels()),
    "web page.png": (lambda: b"<!DOCTYPE html><title>404 Not Found</title>", UNKNOWN),
    "text.jpg": (lambda: b"a caption that lost its way", UNKNOWN),
    "pdf.jpg": (lambda: b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", UNKNOWN),
    "zip.png": (lambda: b"PK\x03\x04" + bytes(200), UNKNOWN),
    "vector drawing.png": (
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        UNKNOWN,
    ),
    "git lfs pointer.jpg": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n",
        Quarantined("a pointer of Git LFS in the picture's place: git lfs pull"),
    ),
    # --- depth, palettes, transparency
    "png.png": (lambda: saved(picture(), "PNG"), Pixels()),
    "png grey.png": (lambda: saved(picture("L"), "PNG"), GREY),
    "png 1 bit.png": (
        lambda: saved(picture("L").point(lambda v: 255 * (v > 100)).convert("1"), "PNG"),
        Pixels((BLACK, WHITE, BLACK, WHITE)),
    ),
    "png 16 bit grey.png": (lambda: saved(Image.fromarray(DEEP), "PNG"), GREY),
    "png 16 bit colour.png": (deep_png, Pixels()),
    "png palette.png": (lambda: saved(picture().quantize(8), "PNG"), Pixels()),
    "png palette transparent.png": (lambda: transparent_palette("PNG"), Pixels()),
    "png rgba.png": (lambda: saved(with_alpha("RGB"), "PNG"), Pixels()),
    "png grey and alpha.png": (lambda: saved(with_alpha("L"), "PNG"), GREY),
    "gif transparent.gif": (lambda: transparent_palette("GIF"), Pixels()),
    "webp.webp": (lambda: saved(picture(), "WEBP", quality=95), ROUGH),
    "webp rgba.webp": (lambda: saved(with_alpha("RGB"), "WEBP", lossless=True), Pixels()),
    "avif.avif": (lambda: saved(picture(), "AVIF", quality=95, subsampling="4:4:4"), ROUGH),
    "bmp.bmp": (lambda: saved(picture(), "BMP"), Pixels()),
    "bmp palette.bmp": (lambda: saved(picture().quantize(8), "BMP"), Pixels()),
    "ppm.ppm": (lambda: saved(picture(), "PPM"), Pixels()),
    "pgm 16 bit.pgm": (lambda: saved(Image.fromarray(DEEP), "PPM"), GREY),
    "tiff lzw.tif": (lambda: saved(picture(), "TIFF", compression="tiff_lzw"), Pixels()),
    "tiff 16 bit.tif": (lambda: saved(Image.fromarray(DEEP), "TIFF"), GREY),
    "tiff float.tiff": (lambda: saved(Image.fromarray((DEEP / 65535).astype(np.float32)), "TIFF"), GREY),
    "tiff cmyk.tif": (lambda: saved(picture("CMYK"), "TIFF"), Pixels(tolerance=2)),
    "tiff big.tif": (lambda: saved(picture(), "TIFF", big_tiff=True), Pixels()),
    "tiff float up to 200.tif": (
        lambda: saved(Image.fromarray(np.array([[0, 200.5]], np.float32)), "TIFF"),
        Quarantined("float32 values from 0.0 to 200.5; wanted 0 to 1"),
    ),
    "tiff beyond 16 bits.tif": (
        lambda: saved(Image.fromarray(np.array([[0, 70000]], np.int32)), "TIFF"),
        Quarantined("int32 values from 0 to 70000; wanted 0 to 65535"),
    ),
    "npy.npy": (lambda: npy(np.asarray(picture())), Pixels()),
    "npy grey.npy": (lambda: npy(np.asarray(picture("L"))), GREY),
    "npy 16 bit.npy": (lambda: npy(np.asarray(picture()).astype(np.uint16) * 257), Pixels()),
    "npy float.npy": (lambda: npy(np.asarray(picture()) / 255), Pixels()),
    "npy in columns.npy": (lambda: npy(np.asfortranarray(np.asarray(picture()))), Pixels()),
    "npy of six bands.npy": (
        lambda: npy(np.zeros((8, 8, 6), np.uint8)),
        Quarantined(
            "an array of uint8 (8, 8, 6); wanted uint8, uint16 or floats in 0..1, (H, W), (H, W, 3) or (H, W, 4)"
        ),
    ),
    "npy of objects.npy": (
        lambda: npy(np.array([[{}]])),
        Quarantined("a .npy file of Python objects, which are never opened"),
    ),
    "npy cut short.npy": (
        lambda: npy(np.zeros((8, 8), np.uint8))[:-9],
        Quarantined("its header tells of 64 bytes of numbers, and 55 are there"),
    ),
    "heic.heic": (
        lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        Quarantined("HEIC: convert it to JPEG or PNG"),
    ),
    # --- animations
    "gif animated.gif": (lambda: moving("GIF"), Pixels(animated=True)),
    "webp animated.webp": (lambda: moving("WEBP", lossless=True), Pixels(animated=True)),
    "png animated.png": (lambda: moving("PNG"), Pixels(animated=True)),
    "tiff of two pages.tif": (lambda: moving("TIFF"), Pixels(animated=True)),
    # --- sizes
    "one pixel.png": (
        lambda: saved(Image.new("RGB", (1, 1), QUARTERS[1]), "PNG"),
        Pixels((QUARTERS[1],) * 4),
    ),
    "one row.png": (
        lambda: saved(Image.new("RGB", (900, 1), QUARTERS[2]), "PNG"),
        Pixels((QUARTERS[2],) * 4),
    ),
    "large.png": (lambda: saved(picture().resize((3200, 2400), 0), "PNG"), Pixels()),
    "decompression bomb.png": (
        lambda: png(20_000, 10_000, 8, 0, b""),
        Quarantined(
            "Image size (200000000 pixels) exceeds limit of 178956970 pixels, "
            "could be decompression bomb DOS attack."
        ),
    ),
    "decompression bomb.jpg": (
        lambda: jpeg_claiming(20_000, 30_000),
        Quarantined("30000 x 20000 pixels are more than the 178,956,970 a picture may have"),
    ),
    "more pixels than its bytes can hold.jpg": (
        lambda: jpeg_claiming(10_000, 12_000),
        Quarantined(f"12000 x 10000 pixels cannot be in {len(jpeg()):,} bytes"),
    ),
    # --- damage
    "empty.jpg": (lambda: b"", Quarantined("the file is empty")),
    "zeros.jpg": (lambda: bytes(5000), UNKNOWN),
    "half a jpeg.jpg": (
        lambda: saved(Image.fromarray(NOISE), "JPEG")[:20_000],
        Quarantined("Premature end of JPEG file"),
    ),
    "a jpeg's header.jpg": (lambda: jpeg()[:200], Quarantined("damaged or cut short")),
    "half a png.png": (
        lambda: saved(Image.fromarray(NOISE), "PNG")[:90_000],
        Quarantined("image file is truncated"),
    ),
    "half a bmp.bmp": (
        lambda: saved(Image.fromarray(NOISE), "BMP")[:90_000],
        Quarantined("image file is truncated (846 bytes not processed)"),
    ),
    "a gif's header.gif": (lambda: b"GIF89a\x20\0\x18\0\0\0\0", UNKNOWN),
    "png with a wrong checksum.png": (
        lambda: saved(picture(), "PNG")[:29] + b"\0\0\0\0" + saved(picture(), "PNG")[33:],
        UNKNOWN,
    ),
    # --- names
    "고양이 (nfc).png": (lambda: saved(picture(), "PNG"), Pixels()),
    "\u1100\u1169\u110b\u1163\u11bc\u110b\u1175 (nfd).png": (lambda: saved(picture(), "PNG"), Pixels()),
    "猫 кот 🐈.png": (lambda: saved(picture(), "PNG"), Pixels()),
    b"not utf-8 \xff\xfe.png": (lambda: saved(picture(), "PNG"), Pixels()),
    "a 'quoted' \"name\" with\nnew line.png": (lambda: saved(picture(), "PNG"), Pixels()),
    "-rf --help.png": (lambda: saved(picture(), "PNG"), Pixels()),
    "a" * 251 + ".png": (lambda: saved(picture(), "PNG"), Pixels()),
    "two.dots..png": (lambda: saved(picture(), "PNG"), Pixels()),
    # --- what is no picture
    ".DS_Store": (lambda: b"Bud1", Ignored("left out as hidden: ")),
    "._jpeg.jpg": (lambda: b"\0\5\x16\7", Ignored("left out as hidden: ")),
    "video.mp4": (lambda: b"\0\0\0\x18ftypmp42", Ignored(".mp4 1")),
    "Thumbs.db": (lambda: bytes(9), Ignored("left out as hidden: ")),
    "labels.csv": (lambda: b"a,b\n", Ignored(".csv 1")),
}

# Name below a class folder -> how it is made where it is no plain file, and what must become of it.
SPECIAL: dict[str, tuple[Callable[[Path], None], Pixels | Quarantined | Ignored]] = {
    "a link to a file elsewhere.png": (lambda path: _link_elsewhere(path), Pixels()),
    "a link to nothing.png": (
        lambda path: path.symlink_to("gone.png"),
        Quarantined("No such file or directory"),
    ),
    "a link to itself.png": (
        lambda path: path.symlink_to(path.name),
        Quarantined("Too many levels of symbolic links"),
    ),
    "a pipe.png": (lambda path: os.mkfifo(path), Ignored(".png 1")),
    "a file nobody may read.png": (lambda path: _forbidden(path), Quarantined("Permission denied")),
    ".ipynb_checkpoints": (lambda path: _folder_of(path), Ignored("left out as hidden: ")),
    "__MACOSX": (lambda path: _folder_of(path), Ignored("left out as hidden: ")),
    "a folder in the class": (lambda path: _folder_of(path), Pixels()),
}
# What root may read all the same.
NOT_FOR_ROOT = {"a file nobody may read.png", "a folder nobody may list"}


def _link_elsewhere(path: Path) -> None:
    target = path.parents[2] / "elsewhere.png"
    target.write_bytes(saved(picture(), "PNG"))
    path.symlink_to(target)


def _forbidden(path: Path) -> None:
    path.write_bytes(saved(picture(), "PNG"))
    path.chmod(0)


def _folder_of(path: Path) -> None:
    """Make a folder with the picture in it."""
    path.mkdir()
    (path / "inside.png").write_bytes(saved(picture(), "PNG"))


def files(*names: str) -> Callable[[Path], None]:
    """Return what fills a folder with copies of the picture under these names, and folders where they end in /."""

    def fill(root: Path) -> None:
        for name in names:
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(saved(picture(), "PNG"))

    return fill


def _loop(root: Path) -> None:
    files("cat/1.png", "dog/1.png")(root)
    (root / "cat" / "again").symlink_to(root)


def _linked_class(root: Path) -> None:
    files("cat/1.png", "other place/1.png", "other place/2.png")(root / "..data")
    for name in ("cat", "other place"):
        (root / name).symlink_to(root / "..data" / name)


def _twice(root: Path) -> None:
    files("cat/1.png", "dog/1.png", "dog/more/1.png")(root)
    (root / "dog" / "and more").symlink_to(root / "dog" / "more")


def _unlisted(root: Path) -> None:
    files("cat/1.png", "dog/1.png")(root)
    (root / "dog").chmod(0)


def _not_utf8(root: Path) -> None:
    for name in (b"caf\xe9", b"tea"):
        folder = os.fsencode(root) + b"/" + name
        os.mkdir(folder)
        (Path(os.fsdecode(folder)) / "1.png").write_bytes(saved(picture(), "PNG"))


def _idx(images: bytes, labels: bytes) -> Callable[[Path], None]:
    def fill(root: Path) -> None:
        (root / "train-images-idx3-ubyte").write_bytes(images)
        (root / "train-labels-idx1-ubyte").write_bytes(labels)

    return fill


IDX_IMAGES = struct.pack(">IIII", 0x0803, 3, 2, 2) + bytes(12)
IDX_LABELS = struct.pack(">II", 0x0801, 3) + bytes([0, 1, 1])
WANTED = (
    "Wanted: one folder a class, with JPEG or PNG files in each, or the same below train/, val/ and test/."
)
NFC, NFD = "\uace0\uc591\uc774", "\u1100\u1169\u110b\u1163\u11bc\u110b\u1175"

# Data set -> how it is made, and what must become of it as a whole.
FOLDERS: dict[str, tuple[Callable[[Path], None], Opened | Refused]] = {
    "nothing in it": (files(), Refused(f"{{root}}: no pictures in it. {WANTED}")),
    "only hidden files": (
        files(".DS_Store", ".cache/1.png"),
        Refused(f"{{root}}: no pictures in it. {WANTED}"),
    ),
    "empty classes": (files("cat/", "dog/"), Refused(f"{{root}}: no pictures in it. {WANTED}")),
    "pictures in no class": (
        files("1.png", "2.png"),
        Refused(f"{{root}}: 2 pictures, but none in a class folder. {WANTED}"),
    ),
    "one class": (
        files("cat/1.png", "cat/2.png"),
        Refused(f"{{root}}: only one class with pictures, 'cat'; a classifier needs two or more. {WANTED}"),
    ),
    "one class and an empty one": (
        files("cat/1.png", "dog/"),
        Refused(f"{{root}}: only one class with pictures, 'cat'; a classifier needs two or more. {WANTED}"),
    ),
    "an empty class among others": (
        files("cat/1.png", "dog/1.png", "bird/"),
        Opened(("bird", "cat", "dog"), {"all": 2}, ("class 'bird' has no pictures to learn from",)),
    ),
    "numbers as classes": (files("10/1.png", "2/1.png", "1/1.png"), Opened(("1", "2", "10"), {"all": 3})),
    "classes that differ by a capital": (files("Cat/1.png", "cat/1.png"), Opened(("Cat", "cat"), {"all": 2})),
    "one class in both unicode forms": (
        files(f"{NFC}/1.png", f"{NFD}/2.png", "dog/1.png"),
        Opened(("dog", NFC), {"all": 3}),
    ),
    "a class that is not utf-8": (_not_utf8, Opened((r"caf\udce9", "tea"), {"all": 2})),
    "folders within classes": (
        files("cat/a/1.png", "cat/b/1.png", "dog/1.png"),
        Opened(("cat", "dog"), {"all": 3}),
    ),
    "train valid test": (
        files("train/a/1.png", "train/b/1.png", "valid/a/1.png", "test/b/1.png"),
        Opened(("a", "b"), {"train": 2, "val": 1, "test": 1}),
    ),
    "Training Validation Testing": (
        files("Training/a/1.png", "Training/b/1.png", "Validation/a/1.png", "Testing/b/1.png"),
        Opened(("a", "b"), {"train": 2, "val": 1, "test": 1}),
    ),
    "train alone": (
        files("train/a/1.png", "train/b/1.png"),
        Opened(("a", "b"), {"all": 2}, ("there is only train/: what is held out is taken from it",)),
    ),
    "val and valid": (
        files("train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png"),
        Refused("{root}: val/ and valid/ both mean val. Keep one of them."),
    ),
    "a class in test alone": (
        files("train/a/1.png", "train/b/1.png", "test/c/1.png"),
        Refused(
            "{root}: test/ has class 'c', which train/ has not. Every class must have a folder in train/."
        ),
    ),
    "a link that leads back up": (
        _loop,
        Refused(
            "{root}/cat/again: a link that leads back to a folder it is in, and so has no end. Remove the link."
        ),
    ),
    "classes that are links": (
        _linked_class,
        Opened(("cat", "other place"), {"all": 3}, ("left out as hidden: ..data",)),
    ),
    "a folder that two links lead to": (_twice, Opened(("cat", "dog"), {"all": 3})),
    "a folder nobody may list": (_unlisted, Refused("{root}/dog: cannot be listed (Permission denied).")),
    "idx": (_idx(IDX_IMAGES, IDX_LABELS), Opened(("0", "1"), {"train": 3})),
    "idx cut short": (
        _idx(IDX_IMAGES[:-2], IDX_LABELS),
        Refused(
            "{root}/train-images-idx3-ubyte: not an IDX file of unsigned bytes, or cut short. Fetch the file anew."
        ),
    ),
    "idx without some labels": (
        _idx(IDX_IMAGES, struct.pack(">II", 0x0801, 2) + bytes([0, 1])),
        Refused("{root}: 3 train images but 2 labels. Fetch the files anew."),
    ),
}


def write(root: Path) -> None:
    """Make the torture folder."""
    classes = (root / "pictures" / "plain", root / "pictures" / "torture")
    for folder in classes:
        folder.mkdir(parents=True)
    (classes[0] / "picture.png").write_bytes(saved(picture(), "PNG"))
    for name, (content, _) in PICTURES.items():
        (classes[1] / os.fsdecode(name)).write_bytes(content())
    for name, (make, _) in SPECIAL.items():
        make(classes[1] / name)
    for name, (fill, _) in FOLDERS.items():
        (root / "folders" / name).mkdir(parents=True)
        fill(root / "folders" / name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
    print(f"{len(PICTURES) + len(SPECIAL) + len(FOLDERS)} cases in {sys.argv[1]}")
