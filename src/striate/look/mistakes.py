"""The mistakes a network is surest of, as small pictures."""

import base64
import io
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from striate.data.preprocess import shallow
from striate.data.store import Store
from striate.tasks.scores import Scores


@dataclass(frozen=True)
class Mistake:
    """One picture named wrongly: its name in the data set, both classes, the confidence, and its pixels as a URL."""

    name: str
    truth: str
    answer: str
    confidence: float
    url: str


def surest_mistakes(scores: Scores, store: Store, classes: tuple[str, ...], *, count: int) -> list[Mistake]:
    """Return the `count` wrong answers of highest confidence, the surest first, in the pixels the network saw."""
    wrong = (scores.labels != scores.answers).nonzero().flatten()
    ranked = wrong[scores.confidences[wrong].argsort(descending=True, stable=True)][:count]
    return [
        Mistake(
            name=store.names[i],
            truth=classes[int(scores.labels[i])],
            answer=classes[int(scores.answers[i])],
            confidence=float(scores.confidences[i]),
            url=picture_url(store.images[i]),
        )
        for i in ranked.tolist()
    ]


def picture_url(pixels: Tensor) -> str:
    """Return pixels (C, H, W) as a PNG data URL of 8 bits: of many bands the first three, of two the first."""
    seen = shallow(pixels).round().to(torch.uint8) if pixels.dtype == torch.uint16 else pixels
    array = seen[0].numpy() if len(seen) < 3 else seen[:3].permute(1, 2, 0).contiguous().numpy()
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
