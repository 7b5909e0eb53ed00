"""The mistakes a network is surest of, as small pictures."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

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
            url=picture_url(store.take(np.array([i]))[0]),
        )
        for i in ranked.tolist()
    ]


def picture_url(pixels: Tensor) -> str:
    """Return uint8 pixels (1, H, W) or (3, H, W) as a PNG data URL."""
    array = pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
