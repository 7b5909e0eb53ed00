"""An epoch of LeNet-5 on 60,000 pictures of 28 by 28, batch 64: striate, PyTorch's MNIST script, and Keras' fit.

    python bench/epoch.py --repeats 5 [--data FOLDER] [--rivals striate pytorch keras-tensorflow keras-jax]

The network is the LeNet-5 that tutorials write (6 and 16 maps, ReLU, max pooling, 120-84-10). `pytorch` is the training
loop of the PyTorch examples' MNIST script, on torchvision's data set with its transforms, Adadelta and all, and
striate's own module as the network, so that both compute the same; `keras-*` is `fit` on arrays in memory, by a
backend. `striate` computes in float32, in the memory order it measures to be quicker; `striate, as it chooses` may
also compute in fewer bits. Nobody augments. Each rival is a process; they take turns an epoch at a time, and the first
epoch of each is not counted. Accuracy is that on the 10,000 test pictures after the last one.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from fashion import FASHION, MEAN, PARTS, STD, arrays, pictures
from machine import THREADS, machine
from peers import torchvision
from torch import nn
from turns import Rival, answer, asked, serve

import striate
from striate.progress import Silent

NET, BATCH = "lenet5-tutorial", 64
KERAS = {f"keras-{backend}": {"KERAS_BACKEND": backend} for backend in ("tensorflow", "jax", "torch")}
STRIATE = {"striate": {"precision": "fp32"}, "striate, as it chooses": {}}
RIVALS = (*STRIATE, "pytorch", *KERAS)


class Turns(Silent):
    """Has a run wait before each epoch until it is asked for, and say what it took."""

    def __init__(self, folder: Path) -> None:
        self._metrics = folder / "metrics.jsonl"
        self.engine = ""

    def begin(self, phase: str, total: int, **_: Any) -> None:
        if phase.startswith("epoch") and not asked():
            sys.exit()

    def say(self, line: str) -> None:
        if line.startswith("engine"):
            self.engine = line
        if line.startswith("epoch ") and ": loss" in line:
            told = json.loads(self._metrics.read_text().splitlines()[-1])
            answer({"seconds": told["seconds"], "accuracy": told["test_accuracy"], "engine": self.engine})


def run_striate(data: Path, epochs: int, asked_for: Mapping[str, Any]) -> None:
    """Train, an epoch a turn."""
    settings = striate.Settings(net=NET, batch=BATCH, augment="none", epochs=epochs, **asked_for)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        striate.train(data, settings=settings, out=out, progress=Turns(out))


def pytorch_epochs(data: Path) -> Iterator[Mapping[str, Any]]:
    """The loop of the PyTorch examples' MNIST script (BSD-3), its defaults, with the network above."""
    transforms = torchvision().transforms
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    sets = {part: pictures(data, part, transform) for part in PARTS}
    train = torch.utils.data.DataLoader(sets["train"], batch_size=BATCH, shuffle=True)
    test = torch.utils.data.DataLoader(sets["test"], batch_size=1000)
    torch.manual_seed(1)
    model = striate.build(NET, num_classes=10)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    while True:
        model.train()
        started = perf_counter()
        for batch_idx, (images, target) in enumerate(train):
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(nn.functional.log_softmax(model(images), dim=1), target)
            loss.backward()
            optimizer.step()
            if batch_idx % 10 == 0:
                loss.item()
        seconds = perf_counter() - started
        scheduler.step()
        model.eval()
        with torch.no_grad():
            right = sum(int((model(images).argmax(1) == target).sum()) for images, target in test)
        yield {"seconds": seconds, "accuracy": right / len(sets["test"])}


def keras_epochs(data: Path) -> Iterator[Mapping[str, Any]]:
    """Keras' fit on arrays in memory."""
    import keras
    from keras import layers

    given = {part: arrays(data, part) for part in PARTS}
    (train, answers), (test, truth) = (
        (images[..., None].astype("float32") / 255, labels.astype("int32"))
        for images, labels in given.values()
    )
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    while True:
        started = perf_counter()
        model.fit(train, answers, batch_size=BATCH, epochs=1, verbose=0)
        seconds = perf_counter() - started
        yield {"seconds": seconds, "accuracy": model.evaluate(test, truth, batch_size=1000, verbose=0)[1]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, default=FASHION)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=RIVALS)
    parser.add_argument("--rival", choices=RIVALS)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    if args.rival in STRIATE:
        run_striate(args.data, args.repeats + 1, STRIATE[args.rival])
    elif args.rival == "pytorch":
        serve(pytorch_epochs(args.data))
    elif args.rival in KERAS:
        serve(keras_epochs(args.data))
    else:
        report(args.data, args.repeats, args.rivals)


def report(data: Path, repeats: int, names: list[str]) -> None:
    """Print a row a rival, and JSON."""
    flags = ("--data", str(data), "--repeats", str(repeats))
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(THREADS)}
    cache = tempfile.TemporaryDirectory()
    quiet["STRIATE_CACHE"] = cache.name  # or what was measured at another time would be taken
    rivals, first = {}, {}
    for name in names:  # one after another, since each measures or compiles as it begins
        rivals[name] = Rival(__file__, name, *flags, environment={**quiet, **KERAS.get(name, {})})
        first[name] = rivals[name].round()
    rounds = [first, *({name: rival.round() for name, rival in rivals.items()} for _ in range(repeats))]
    for rival in rivals.values():
        rival.end()
    cache.cleanup()
    print(
        "| rival | epoch, s | striate is quicker by | spread | first epoch, s | accuracy |\n|---|---|---|---|---|---|"
    )
    for name in names:
        seconds = [turn[name]["seconds"] for turn in rounds]
        ratios = sorted(turn[name]["seconds"] / turn["striate"]["seconds"] for turn in rounds[1:])
        print(
            f"| {name} | {statistics.median(seconds[1:]):.2f} | {statistics.median(ratios):.1f}x "
            f"| {ratios[0]:.1f} to {ratios[-1]:.1f} | {seconds[0]:.1f} | {rounds[-1][name]['accuracy']:.2%} |"
        )
    print(json.dumps({"machine": machine(), "cores": os.cpu_count(), "rounds": rounds}))


if __name__ == "__main__":
    main()
