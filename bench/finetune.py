"""Fine-tuning against training from scratch on 200 photographs: test accuracy, the same network, pictures and epochs.

    git clone https://github.com/datitran/raccoon_dataset && git clone https://github.com/experiencor/kangaroo
    mkdir photos && mv raccoon_dataset/images photos/raccoon && mv kangaroo/images photos/kangaroo
    python bench/finetune.py photos [--size 96] [--epochs 6] [--seeds 3]

The folder holds a folder of photographs for each class. Of each class the seed chooses its share of 200 to train on;
all others are tested. Weights are EfficientNet-Lite0's of ImageNet (the extra [pretrained]), which know wallabies but
no raccoons. Every other choice is striate's own; `--also` adds a run with other flags, such as --also "--freeze body".
"""

import argparse
import json
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NET = "efficientnet_lite0"
TRAINED_ON = 200


def split(photos: Path, into: Path, seed: int) -> None:
    """Link TRAINED_ON pictures, as many of each class, below train/ and the others below test/."""
    classes = sorted(path for path in photos.iterdir() if path.is_dir())
    for folder in classes:
        files = sorted(folder.iterdir())
        random.Random(seed).shuffle(files)
        for i, file in enumerate(files):
            part = into / ("train" if i < TRAINED_ON // len(classes) else "test") / folder.name
            part.mkdir(parents=True, exist_ok=True)
            (part / file.name).symlink_to(file.resolve())


def run(photos: Path, seed: int, flags: list[str]) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        split(photos, Path(folder, "data"), seed)
        command = [
            sys.executable, "-m", "striate", "train", "data", "--net", NET, "--seed", str(seed), "--out", "run",
            "--json", *flags,
        ]  # fmt: skip
        started = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
        return json.loads(done.stdout)["result"]["accuracy"], time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--also", action="append", default=[])
    options = parser.parse_args()
    photos = options.photos.resolve()
    given = ["--weights", "imagenet"]
    kinds = {"from scratch": [], "fine-tuned": given}
    kinds |= {f"fine-tuned {flags}": [*given, *shlex.split(flags)] for flags in options.also}
    same = ["--size", str(options.size), "--epochs", str(options.epochs)]
    print("| run | test accuracy mean | lowest | highest | seconds median |\n|---|---|---|---|---|")
    for name, flags in kinds.items():
        results = [run(photos, seed, [*same, *flags]) for seed in range(options.seeds)]
        accuracies, seconds = zip(*results, strict=True)
        print(
            f"| {name} | {statistics.mean(accuracies):.2%} | {min(accuracies):.2%} | {max(accuracies):.2%} "
            f"| {statistics.median(seconds):.0f} |",
            flush=True,
        )
        print(
            json.dumps({"run": name, "flags": flags, "accuracies": accuracies, "seconds": seconds}),
            flush=True,
        )


if __name__ == "__main__":
    main()
