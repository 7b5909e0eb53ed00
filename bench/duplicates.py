"""How many planted copies of real pictures are found, how many others are called copies, and how long it takes.

    python bench/duplicates.py [IDX or picture folder ...] [--planted 500] [--tile 128] [--unfiltered]
                               [--scale 100000 1000000]

Default: the bundled Fashion-MNIST subset. A folder that holds t10k-images-idx3-ubyte[.gz] gives the 10,000 test
pictures; any other folder, the pictures below it cut into tiles, those under 10 levels of deviation left out.
`--unfiltered` plants copies resized without a filter as well. `--scale` times the search on that many made-up
fingerprints: crowded ones, each a mixture of two real ones, and scattered ones, each unlike the rest, the worst case.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from planted import KINDS, resized

from striate.data.audit.duplicates import near_duplicates
from striate.pictures.fingerprint import GREY, fingerprint
from striate.sources.arrays.idx import read_idx
from striate.sources.folders.walk import Walk
from striate.sources.opening import BUNDLED

CONTRAST = 10
UNFILTERED = {
    "nearest 0.3-2x": partial(resized, filters=(Image.Resampling.NEAREST,)),
    "box 0.3-2x": partial(resized, filters=(Image.Resampling.BOX,)),
}


def pictures_of(folder: Path, tile: int) -> list[NDArray[np.uint8]]:
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte"):
        if (folder / name).is_file() and folder.resolve() != BUNDLED["fashion"]:
            return list(read_idx(folder / name))
    if (folder / "train-images-idx3-ubyte.gz").is_file():
        return list(read_idx(folder / "train-images-idx3-ubyte.gz"))
    tiles = []
    for name in Walk(folder).pictures_below(""):
        pixels = np.asarray(Image.open(folder / name).convert("RGB"))
        tiles += [
            np.ascontiguousarray(pixels[top : top + tile, left : left + tile])
            for top in range(0, pixels.shape[0] - tile + 1, tile)
            for left in range(0, pixels.shape[1] - tile + 1, tile)
        ]
    return [each for each in tiles if each.std() >= CONTRAST]


def pairs_in(prints: NDArray[np.uint8]) -> tuple[set[tuple[int, int]], float]:
    started = time.perf_counter()
    pairs = near_duplicates(prints)
    seconds = time.perf_counter() - started
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)), seconds


def measure(
    name: str, pictures: list[NDArray[np.uint8]], planted: int, kinds: Mapping[str, Any]
) -> dict[str, object]:
    started = time.perf_counter()
    base = np.array([fingerprint(picture) for picture in pictures])
    each = (time.perf_counter() - started) / len(pictures)
    found, seconds = pairs_in(base)
    called = len({position for pair in found for position in pair})
    shares = {}
    for number, (kind, copy) in enumerate(kinds.items()):
        rng = np.random.default_rng(number)
        chosen = rng.choice(len(pictures), min(planted, len(pictures)), replace=False).tolist()
        copies = np.array([fingerprint(copy(pictures[i], rng)) for i in chosen])
        joined, _ = pairs_in(np.concatenate([base, copies]))
        shares[kind] = float(np.mean([(i, len(base) + n) in joined for n, i in enumerate(chosen)]))
    cells = " | ".join(f"{share:.1%}" for share in shares.values())
    print(
        f"| {name} | {len(pictures):,} | {cells} | {called / len(pictures):.2%} | {each * 1e6:.0f} | {seconds:.2f} |"
    )
    return {"set": name, "pictures": len(pictures), "found": shares, "called": called, "seconds": seconds}


def scale(count: int) -> dict[str, object]:
    rng = np.random.default_rng(0)
    images = read_idx(BUNDLED["fashion"] / "train-images-idx3-ubyte.gz")
    real = np.array([fingerprint(image) for image in images])
    one, other = rng.integers(len(real), size=(2, count))
    weight = rng.uniform(0.2, 0.8, (count, 1)).astype(np.float32)
    waves = real[:, GREY].copy().view(np.int8)
    crowded = real[one]
    crowded[:, GREY] = (
        np.rint(waves[one] * weight + waves[other] * (1 - weight)).astype(np.int8).view(np.uint8)
    )
    scattered = np.zeros_like(crowded)
    scattered[:, :2] = 200
    scattered[:, GREY] = (
        rng.normal(0, 14, (count, waves.shape[1])).clip(-127, 127).astype(np.int8).view(np.uint8)
    )
    seconds = {kind: pairs_in(prints)[1] for kind, prints in (("crowded", crowded), ("scattered", scattered))}
    print(f"| {count:,} | {seconds['crowded']:.1f} | {seconds['scattered']:.1f} |")
    return {"count": count, **seconds}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", type=Path, default=[BUNDLED["fashion"]])
    parser.add_argument("--planted", type=int, default=500)
    parser.add_argument("--tile", type=int, default=128)
    parser.add_argument("--unfiltered", action="store_true")
    parser.add_argument("--scale", nargs="*", type=int, default=[])
    options = parser.parse_args()
    kinds = {**KINDS, **(UNFILTERED if options.unfiltered else {})}
    print(f"| set | pictures | {' | '.join(kinds)} | called copies | us each | s search |")
    print("|---" * (len(kinds) + 5) + "|")
    found = [
        measure(folder.name, pictures_of(folder, options.tile), options.planted, kinds)
        for folder in options.folders
    ]
    if options.scale:
        print("\n| fingerprints | crowded, s | scattered, s |\n|---|---|---|")
    print(json.dumps({"sets": found, "scale": [scale(count) for count in options.scale]}))


if __name__ == "__main__":
    main()
