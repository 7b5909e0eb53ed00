"""How long the way from a 500-px JPEG to square pixels takes on one thread, part by part and roughly.

    python bench/rough.py [SIDE...]

The pictures are the four photographs of the tests, at 500 x 375. Printed is the least processor time of 40 for each, as
a mean over the four, and by how many levels the rough pixels differ.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from striate.pictures.decode import decode
from striate.pictures.pixels import Pixels
from striate.pictures.preprocess import Preprocess, resize

PHOTOGRAPHS = Path(__file__).parent.parent / "tests" / "nets" / "photographs"
SIDES = (64, 112, 160, 224)
REPEATS = 40


def photograph(path: Path) -> bytes:
    file = io.BytesIO()
    Image.open(path).convert("RGB").resize((500, 375), Image.Resampling.LANCZOS).save(
        file, "JPEG", quality=85
    )
    return file.getvalue()


def milliseconds(work: Callable[[bytes], object], files: list[bytes]) -> float:
    best = dict.fromkeys(files, float("inf"))
    for _ in range(REPEATS):
        for data in files:
            started = time.thread_time()
            work(data)
            best[data] = min(best[data], time.thread_time() - started)
    return 1000 * sum(best.values()) / len(best)


def resized(decoded: dict[bytes, Pixels], side: int, data: bytes) -> Pixels:
    return resize(decoded[data], size=(side, side), fit="crop")


def main() -> None:
    torch.set_num_threads(1)
    files = [photograph(path) for path in sorted(PHOTOGRAPHS.glob("*.jpg"))]
    decoded = {data: decode(data, channels=3) for data in files}
    print(
        "| side | decode ms | resize ms | in all | rough | ratio | mean levels off |\n|---|---|---|---|---|---|---|"
    )
    rows = []
    for side in map(int, sys.argv[1:] or SIDES):
        steps = Preprocess(size=(side, side), channels=3, mean=(), std=())
        parts = {
            "decode": milliseconds(partial(decode, channels=3), files),
            "resize": milliseconds(partial(resized, decoded, side), files),
            "all": milliseconds(steps.pixels, files),
            "rough": milliseconds(replace(steps, rough=True).pixels, files),
        }
        off = [
            np.abs(steps.pixels(d).astype(int) - replace(steps, rough=True).pixels(d)).mean() for d in files
        ]
        parts |= {"ratio": parts["all"] / parts["rough"], "levels": float(np.mean(off))}
        print(f"| {side} | " + " | ".join(f"{value:.2f}" for value in parts.values()) + " |")
        rows.append({"side": side, **{name: round(value, 4) for name, value in parts.items()}})
    print(json.dumps({"torch": torch.__version__, "repeats": REPEATS, "rows": rows}))


if __name__ == "__main__":
    main()
