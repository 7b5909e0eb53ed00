"""DICOM through pydicom: modality LUT, then VOI LUT, window or full range (PS3.3 C.11)."""

import io
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi
from pydicom.pixels.utils import get_expected_length, pixel_array

from striate.pictures.pixels import MAX_PIXELS, BadPicture, Depth, Raster

COLOUR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
GREY = {"MONOCHROME1", "MONOCHROME2"}
# Transfer syntaxes that pydicom decodes only with packages under the GPL -> another decoder of a frame.
DECODERS = {
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    uid.JPEGLossless: imagecodecs.jpeg8_decode,
    uid.JPEGLosslessSV1: imagecodecs.jpeg8_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.HTJ2K: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLossless: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLosslessRPCL: imagecodecs.jpeg2k_decode,
}


def read_dicom(data: bytes) -> Raster:
    """Return the first frame: RGB, or grey as the floats in 0..1 that a viewer would display; raises BadPicture."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    kind = str(dataset.get("PhotometricInterpretation", ""))
    _refuse_unreadable(dataset, kind)
    stored = _first_frame(dataset)
    if kind in GREY:
        shown = _shown(_without_unused_bits(stored, dataset), dataset)
        return Raster(1 - shown if kind == "MONOCHROME1" else shown)
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        return Raster(stored if stored.dtype == np.uint8 else stored.astype(np.uint16))
    return Raster(stored if stored.dtype == np.uint8 else stored / (2**dataset.BitsStored - 1))


def dicom_header(data: bytes) -> tuple[int, int, int, Depth]:
    """Return height, width, bands and depth, without reading pixels."""
    dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    bands = 1 if dataset.PhotometricInterpretation in GREY else 3
    return int(dataset.Rows), int(dataset.Columns), bands, 8 if dataset.BitsStored <= 8 else 16


def frames_of(data: bytes) -> int:
    """Return the number of frames."""
    dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    return int(dataset.get("NumberOfFrames") or 1)


def _refuse_unreadable(dataset: pydicom.Dataset, kind: str) -> None:
    """Raise BadPicture for a file with no, too few or too many pixels, or an unsupported photometric interpretation."""
    if "PixelData" not in dataset:
        raise BadPicture("a DICOM file without pixels")
    if kind not in GREY | COLOUR | {"PALETTE COLOR"}:
        raise BadPicture(f"a DICOM file of {kind or 'no photometric interpretation'}, which is not read")
    height, width = int(dataset.Rows), int(dataset.Columns)
    if height * width > MAX_PIXELS:
        raise BadPicture(f"{width} x {height} pixels are more than the {MAX_PIXELS:,} a picture may have")
    if not dataset.file_meta.TransferSyntaxUID.is_compressed and get_expected_length(dataset) > len(
        dataset.PixelData
    ):
        raise BadPicture("image file is truncated")


def _first_frame(dataset: pydicom.Dataset) -> NDArray[Any]:
    """Return the values of the first frame as stored, colour as RGB; raises BadPicture for what cannot be decoded."""
    syntax = dataset.file_meta.TransferSyntaxUID
    kind = dataset.PhotometricInterpretation
    if syntax not in DECODERS or kind not in GREY | {"RGB"}:
        try:
            return pixel_array(dataset, index=0)
        except (RuntimeError, NotImplementedError) as error:
            raise BadPicture(f"DICOM of {kind} compressed as {syntax.name}, which cannot be read") from error
    frames = int(dataset.get("NumberOfFrames") or 1)
    values = DECODERS[syntax](get_frame(dataset.PixelData, 0, number_of_frames=frames))
    if values.shape[:2] != (dataset.Rows, dataset.Columns):
        raise BadPicture("its frame is of another size than its header tells")
    return values


def _without_unused_bits(stored: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[Any]:
    """Return values without the bits above the stored ones, sign-extended if they are signed.

    Old files keep overlays in the bits above, and decoders return signed values as unsigned.
    """
    unused = 8 * stored.itemsize - int(dataset.BitsStored)
    typed = f"{'i' if dataset.PixelRepresentation else 'u'}{stored.itemsize}"
    return np.ascontiguousarray(stored << unused).view(typed) >> unused


def _shown(stored: NDArray[Any], dataset: pydicom.Dataset) -> NDArray[np.float64]:
    """Return grey values in 0..1: by the VOI LUT, else the first window, else the full range of the stored bits."""
    values = np.asarray(apply_modality_lut(stored, dataset), np.float64)
    if "VOILUTSequence" in dataset:
        lookup = dataset.VOILUTSequence[0].LUTDescriptor
        places = np.rint(values).astype(np.int32)
        return np.asarray(apply_voi(places, dataset, index=0), np.float64) / (2 ** lookup[2] - 1)
    if "WindowCenter" in dataset and "WindowWidth" in dataset:
        return _windowed(values, dataset)
    lowest, highest = _range(dataset)
    ends = np.asarray(apply_modality_lut(np.array([lowest, highest], stored.dtype), dataset), np.float64)
    return (values - ends.min()) / max(np.ptp(ends), 1e-12)


def _windowed(values: NDArray[np.float64], dataset: pydicom.Dataset) -> NDArray[np.float64]:
    """Return values scaled to 0..1 by the first window (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    centre, width = (float(np.atleast_1d(dataset[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
    function = dataset.get("VOILUTFunction", "LINEAR")
    width = max(width, 1e-12)
    if function == "SIGMOID":
        return (1 + np.tanh(2 * (values - centre) / width)) / 2  # 1 / (1 + exp(-4 ...)), which overflows
    if function == "LINEAR":
        centre, width = centre - 0.5, max(width - 1, 1e-12)
    return np.clip((values - centre) / width + 0.5, 0, 1)


def _range(dataset: pydicom.Dataset) -> tuple[int, int]:
    """Return the smallest and the largest value that the stored bits can represent."""
    bits = int(dataset.BitsStored)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dataset.PixelRepresentation else (0, 2**bits - 1)
