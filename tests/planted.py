"""Pictures, and copies of them as people make them: saved anew, resized, recoloured, cut (bench/duplicates.py too)."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
FILTERS = tuple(Image.Resampling[name] for name in ("BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"))


def scene(height: int = 96, width: int = 120, *, seed: int = 0) -> NDArray[np.uint8]:
    """Return a smooth coloured picture that no other seed gives."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (7, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def saved(pixels: Pixels, form: str, **settings: Any) -> Pixels:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **settings)
    image = Image.open(io.BytesIO(out.getvalue()))
    return np.asarray(image.convert("L" if pixels.ndim == 2 else "RGB"))


def as_jpeg(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return saved(pixels, "JPEG", quality=int(rng.integers(30, 96)))


def as_webp(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return saved(pixels, "WEBP", quality=int(rng.integers(30, 96)))


def resized(
    pixels: Pixels, rng: np.random.Generator, filters: Sequence[Image.Resampling] = FILTERS
) -> Pixels:
    scale = rng.uniform(0.3, 2)
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return np.asarray(Image.fromarray(pixels).resize(size, filters[rng.integers(len(filters))]))


def resized_and_saved(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return as_jpeg(resized(pixels, rng), rng)


def recoloured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    curved = 255 * (pixels / 255) ** rng.uniform(0.85, 1.18) * rng.uniform(0.9, 1.1)
    return np.rint(curved.clip(0, 255)).astype(np.uint8)


def cropped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    down, across = (round(side * rng.uniform(0, 0.05)) for side in (height, width))
    return np.ascontiguousarray(
        pixels[down:, across:] if rng.random() < 0.5 else pixels[: height - down, : width - across]
    )


def mirrored(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return np.ascontiguousarray(pixels[:, ::-1])


# Kind -> how a copy of it is made.
KINDS: Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "JPEG 30-95": as_jpeg,
    "WebP 30-95": as_webp,
    "resized 0.3-2x": resized,
    "resized, then JPEG": resized_and_saved,
    "gamma and brightness": recoloured,
    "cut by up to 5 %": cropped,
    "mirrored": mirrored,
}
# What must be found.
RESAVED = ("JPEG 30-95", "WebP 30-95", "resized 0.3-2x")
