"""From a cold process to 90 % on Fashion-MNIST: striate, the PyTorch examples' MNIST script, Keras' mnist_convnet.

    python bench/time_to_accuracy.py --seeds 5 [--data FOLDER] [--rivals striate pytorch keras]

The clock runs from the start of a process to its first look at the 10,000 test pictures that finds 90 %, one look after
each epoch. `striate` is `striate train FOLDER --epochs 1`, its cache empty, so that reading the set and measuring how
to compute are counted. `pytorch` is the script's network, loop and settings on torchvision's data set, `keras` the
example's network and settings on arrays, by TensorFlow; each looks at the test pictures after every epoch, as striate
does. Rivals take turns, a seed at a time. One that does not get there in the epochs its authors give it (14 and 15)
counts with the time of those.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from fashion import FASHION, MEAN, STD, arrays, pictures
from machine import THREADS, machine
from peers import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

WANTED = 0.9
RIVALS = ("striate", "pytorch", "keras")


class Net(nn.Module):
    """The network of the PyTorch examples' MNIST script (BSD-3)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 28, 28) -> (B, 10)."""
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = torch.flatten(self.dropout1(x), 1)
        return F.log_softmax(self.fc2(self.dropout2(F.relu(self.fc1(x)))), dim=1)


def pytorch_epochs(data: Path, seed: int) -> Iterator[float]:
    """Yield the test accuracy after each epoch of the script."""
    transforms = torchvision().transforms
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    torch.manual_seed(seed)
    train = torch.utils.data.DataLoader(pictures(data, "train", transform), batch_size=64, shuffle=True)
    test = torch.utils.data.DataLoader(pictures(data, "test", transform), batch_size=1000)
    model = Net()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for _ in range(14):
        model.train()
        for batch_idx, (images, target) in enumerate(train):
            optimizer.zero_grad()
            loss = F.nll_loss(model(images), target)
            loss.backward()
            optimizer.step()
            if batch_idx % 10 == 0:
                loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            yield sum(int((model(images).argmax(1) == target).sum()) for images, target in test) / 10_000


def keras_epochs(data: Path, seed: int) -> Iterator[float]:
    """Yield the test accuracy after each epoch of the example (Apache-2.0)."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    (train, answers), (test, truth) = (
        (images[..., None].astype("float32") / 255, keras.utils.to_categorical(labels, 10))
        for images, labels in (arrays(data, "train"), arrays(data, "test"))
    )
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    for _ in range(15):
        model.fit(train, answers, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
        yield model.evaluate(test, truth, batch_size=1000, verbose=0)[1]


PEERS = {"pytorch": pytorch_epochs, "keras": keras_epochs}


def timed(name: str, data: Path, seed: int) -> dict[str, float]:
    """Start a rival and return the seconds until it is there, or ends, and the accuracy and epochs it has then."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--rival", name, "--seed", str(seed), "--data", str(data)]
        if name == "striate":
            told = ["--epochs", "1", "--seed", str(seed), "--out", str(Path(folder) / "run")]
            command = [sys.executable, "-m", "striate", "train", str(data), *told]
        quiet = {"STRIATE_CACHE": folder, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment = {**os.environ, **quiet, "OMP_NUM_THREADS": str(THREADS)}
        found = {"seconds": 0.0, "accuracy": 0.0, "epochs": 0}
        started = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process:
            for line in process.stdout:
                match = re.match(r"epoch (\d+): .*test ([\d.]+)%", line)
                if match:
                    seconds = time.perf_counter() - started
                    found = {"seconds": seconds, "accuracy": float(match[2]) / 100, "epochs": int(match[1])}
                    if found["accuracy"] >= WANTED:
                        process.kill()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=FASHION)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=RIVALS)
    parser.add_argument("--rival", choices=PEERS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    if args.rival:
        for number, accuracy in enumerate(PEERS[args.rival](args.data, args.seed), 1):
            print(f"epoch {number}: test {accuracy:.2%}", flush=True)
        return
    found = [{name: timed(name, args.data, seed) for name in args.rivals} for seed in range(args.seeds)]
    print("| rival | to 90 %, s | longest | striate is sooner by | spread | epochs | accuracy then |")
    print("|---|---|---|---|---|---|---|")
    for name in args.rivals:
        seconds = [turn[name]["seconds"] for turn in found]
        ratios = sorted(turn[name]["seconds"] / turn["striate"]["seconds"] for turn in found)
        print(
            f"| {name} | {statistics.mean(seconds):.0f} | {max(seconds):.0f} | {statistics.mean(ratios):.1f}x "
            f"| {ratios[0]:.1f} to {ratios[-1]:.1f} | {[turn[name]['epochs'] for turn in found]} "
            f"| {min(turn[name]['accuracy'] for turn in found):.2%} or more |"
        )
    print(json.dumps({"machine": machine(), "turns": found}))


if __name__ == "__main__":
    main()
