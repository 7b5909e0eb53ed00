"""The contact sheet: pictures as a network will really see them in training, epoch by epoch."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from striate.data.augment import Augment
from striate.data.crop import resized
from striate.data.draw import Ids
from striate.data.levels import to_levels

# Pixels between two pictures of the PNG, and what stands there.
GAP = 4
PAPER = 255
# Pictures of fewer pixels a side are shown larger on the page, each pixel as a square.
SMALL = 64
CELL = (96, 160)  # the width of a picture on the page, at least and at most
# Larger pictures go on the page as JPEGs, in which nobody sees a difference and which are a tenth the size.
QUALITY = 92


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Pictures as evaluated (N, C, H, W) and as trained on (M, N, C, H, W), uint8, with a label and a name each."""

    whole: Tensor
    seen: Tensor
    labels: tuple[str, ...]
    names: tuple[str, ...]
    augment: Augment
    seed: int

    def png(self) -> bytes:
        """Return the pictures alone as a PNG: a row a picture, as evaluated and then epoch by epoch."""
        pictures = [[_pixels(each[i]) for each in (self.whole, *self.seen)] for i in range(len(self.names))]
        height, width = self.whole.shape[2:]
        step_y, step_x = height + GAP, width + GAP
        shape = (GAP + step_y * len(pictures), GAP + step_x * (1 + len(self.seen)), *pictures[0][0].shape[2:])
        paper = np.full(shape, PAPER, np.uint8)
        for y, row in enumerate(pictures):
            for x, picture in enumerate(row):
                top, left = GAP + y * step_y, GAP + x * step_x
                paper[top : top + height, left : left + width] = picture
        return _encoded(paper, "PNG")

    def html(self, *, title: str) -> str:
        """Return one self-contained page, in English and Korean; labels and names may be in any script."""
        environment = Environment(
            loader=PackageLoader("striate.data"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        channels, height, width = self.whole.shape[1:]
        return environment.get_template("sheet.html").render(
            title=title,
            settings=in_words(self.augment),
            seed=self.seed,
            hidden=channels not in (1, 3),
            cell=min(max(width, CELL[0]), CELL[1]),
            pixelated=min(height, width) < SMALL,
            epochs=range(1, len(self.seen) + 1),
            rows=list(self._rows()),
        )

    def _rows(self) -> Iterator[dict[str, Any]]:
        kind = "PNG" if min(self.whole.shape[2:]) < SMALL else "JPEG"
        for i, (label, name) in enumerate(zip(self.labels, self.names, strict=True)):
            urls = [_url(_pixels(each[i]), kind) for each in (self.whole, *self.seen)]
            yield {"label": label, "name": name, "whole": urls[0], "seen": urls[1:]}


def contact_sheet(
    images: Tensor,
    ids: Ids,
    augment: Augment,
    *,
    captions: Sequence[tuple[str, str]],
    size: tuple[int, int] | None = None,
    epochs: int = 8,
    seed: int = 0,
) -> Sheet:
    """Return stored pictures (N, C, H, W), uint8 or float32 in 0..255, as `augment` changes them in the first epochs.

    `captions` are (label, name) of each picture, `size` is (height, width) of the network's input, theirs if None.
    These are the very pixels of a training with this seed, but for MixUp and CutMix, which need a whole batch.
    """
    size = size or (images.shape[2], images.shape[3])
    seen = [augment(images, ids, seed=seed, epoch=epoch, size=size) for epoch in range(epochs)]
    labels, names = zip(*captions, strict=True)
    return Sheet(
        whole=to_levels(resized(images, size=size).float(), torch.uint8),
        seen=torch.stack([to_levels(each.float(), torch.uint8) for each in seen]),
        labels=labels,
        names=names,
        augment=augment,
        seed=seed,
    )


def in_words(augment: Augment) -> str:
    """Return what an augmentation does, setting by setting: 'area 0.35 to 1, flip, brightness 0.2'."""
    told = []
    for field in fields(augment):
        value, name = getattr(augment, field.name), field.name.replace("_", " ")
        if value == field.default:
            continue
        if isinstance(value, tuple):
            told.append(f"{name} {value[0]:g} to {value[1]:g}")
        elif value is True:
            told.append(name)
        else:
            told.append(f"{name} {value if isinstance(value, str) else format(value, 'g')}")
    return ", ".join(told) or "none"


def _pixels(picture: Tensor) -> NDArray[np.uint8]:
    """Return (H, W) or (H, W, 3) of (C, H, W): the first channel, or three of them where there are as many."""
    array = picture.numpy()
    return array[0] if len(array) < 3 else np.ascontiguousarray(array[:3].transpose(1, 2, 0))


def _encoded(pixels: NDArray[np.uint8], kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, quality=QUALITY)
    return out.getvalue()


def _url(pixels: NDArray[np.uint8], kind: str) -> str:
    return f"data:image/{kind.lower()};base64," + base64.b64encode(_encoded(pixels, kind)).decode()
