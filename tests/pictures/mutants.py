"""Damaged pictures by the thousand, each decoded under a watch; run as a program, so that a crash is seen as one.

    python tests/pictures/mutants.py FIRST COUNT

Prints a line of JSON for every mutant: its number, its kind, what came of it, the seconds of processor it took, and the
most memory the process has held so far, in KiB.
"""

import io
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from striate.pictures.decode import BadPicture, decode
from striate.pictures.header import bands_of, depth_of, is_animated, is_grey, size_of

SEED = 2017


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def tiff(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def dicom(values: Any, **tags: Any) -> bytes:
    """Return a small grey or RGB DICOM file."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel = 1 if values.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
    if values.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * values.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB" if values.itemsize == 1 else "OW"
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def seeds() -> dict[str, bytes]:
    """Return a small file of each kind that decoders treat apart."""
    rng = np.random.default_rng(SEED)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    image = coarse.resize((40, 30), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
    two = {"save_all": True, "append_images": [image.rotate(90)]}
    found = {
        "jpeg": saved(image, "JPEG", exif=exif),
        "jpeg progressive": saved(image, "JPEG", progressive=True),
        "jpeg grey": saved(image.convert("L"), "JPEG"),
        "jpeg cmyk": saved(image.convert("CMYK"), "JPEG"),
        "png": saved(image, "PNG", exif=exif),
        "png palette": saved(image.quantize(16), "PNG", transparency=3),
        "png deep": saved(Image.fromarray(deep), "PNG"),
        "png animated": saved(image, "PNG", **two),
        "gif": saved(image, "GIF", **two),
        "webp": saved(image, "WEBP", exif=exif),
        "webp animated": saved(image, "WEBP", lossless=True, **two),
        "avif": saved(image, "AVIF"),
        "tiff lzw": saved(image, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": saved(image, "TIFF", compression="jpeg"),
        "tiff deep": saved(Image.fromarray(deep), "TIFF"),
        "tiff big": saved(image, "TIFF", big_tiff=True),
        "bmp": saved(image.quantize(16), "BMP"),
        "ppm": saved(image, "PPM"),
        "npy": npy(np.asarray(image)),
        "npy float": npy(deep / 65535),
    }
    bands = rng.integers(0, 65536, (30, 40, 5), dtype=np.uint16)
    window = {"WindowCenter": 40, "WindowWidth": 400}
    return found | {
        "tiff of five bands": tiff(bands, photometric="minisblack", planarconfig="contig"),
        "tiff in planes": tiff(
            np.moveaxis(bands, 2, 0), photometric="minisblack", planarconfig="separate", compression="deflate"
        ),
        "tiff of floats": tiff(rng.random((30, 40, 3), np.float32), photometric="rgb", tile=(16, 16)),
        "dicom": dicom(deep.astype(np.int16), RescaleSlope=2, RescaleIntercept=-1000, **window),
        "dicom colour": dicom(np.asarray(image)),
    }


def mutant(kinds: dict[str, bytes], number: int) -> tuple[str, bytes]:
    """Return the kind and the bytes of one damaged file, which its number decides."""
    rng = np.random.default_rng((SEED, number))
    names = list(kinds)
    kind = names[number % len(names)]
    data = bytearray(kinds[kind])
    way = number // len(names) % 4
    if way in (0, 3):  # bytes flipped, most of them near the start
        for _ in range(rng.integers(1, 9)):
            reach = len(data) if rng.random() < 0.4 else min(len(data), 120)
            data[rng.integers(reach)] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    if way in (1, 3):  # cut short
        del data[rng.integers(len(data)) :]
    if way == 2:  # spliced with another file
        other = kinds[names[rng.integers(len(names))]]
        begin, end = sorted(rng.integers(0, len(other), 2))
        place = rng.integers(len(data))
        data[place : place + rng.integers(0, end - begin + 1)] = other[begin:end]
    return kind, bytes(data)


def outcome(data: bytes, number: int) -> str:
    """Decode a file in one of several ways, and return 'pixels' or the reason."""
    size_of(data), is_grey(data), is_animated(data), depth_of(data)
    channels = (bands_of(data) or 3) if number % 3 else 3
    depth = 16 if number % 2 else 8
    try:
        pixels = decode(data, channels=channels, depth=depth)
    except BadPicture as error:
        return str(error)
    assert pixels.dtype == (np.uint8 if depth == 8 else np.uint16)
    assert pixels.shape[2:] == (() if channels == 1 else (channels,))
    assert pixels.size
    return "pixels"


def most_memory() -> int:
    """Return the most memory this process has held, in KiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts in what the parent held when it started this process
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(first: int, count: int) -> None:
    """Decode mutants and print what came of each; any warning goes to stderr, any error but BadPicture ends it."""
    warnings.simplefilter("always")
    kinds = seeds()
    for number in range(first, first + count):
        kind, data = mutant(kinds, number)
        began = time.process_time()
        came = outcome(data, number)
        took = time.process_time() - began
        peak = most_memory()
        print(json.dumps([number, kind, came, round(took, 4), peak]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
