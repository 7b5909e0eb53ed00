"""Does pretraining help a deep belief net that sees few labels?

    python bench/dbn.py FOLDER   # the four IDX files of Fashion-MNIST, gzipped

784-500-500-2000-10 on 1,000 labelled Fashion-MNIST images, tested on 2,000. Both nets get the same tuning:
as many epochs of plain gradient descent on the labelled images, the best of the same rates, chosen on 1,000
further images. One starts from what 10,000 unlabelled images taught it by contrastive divergence, the other
from random weights: the best of N(0, 0.01) and Glorot's uniform ones times 1 and times 4 (his advice for
logistic units). Mean of 5 seeds, each with its own labelled images.
"""

import argparse
import copy
import gzip
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from striate.nets.papers.dbn import DBN, PretrainThenTune, descend

RATES = (0.03, 0.1, 0.3, 1.0)
GAINS = (0.0, 1.0, 4.0)  # 0: N(0, 0.01)
BATCH = 100


def idx(path: Path, offset: int) -> Tensor:
    with gzip.open(path) as file:
        return torch.frombuffer(bytearray(file.read()[offset:]), dtype=torch.uint8)


def images(path: Path) -> Tensor:
    return idx(path, 16).view(-1, 1, 28, 28) / 255


def tune(net: nn.Module, x: Tensor, y: Tensor, *, epochs: int, lr: float) -> nn.Module:
    for epoch in range(epochs):
        for batch in torch.randperm(len(x)).split(BATCH):
            descend(net, cross_entropy(net(x[batch]), y[batch]), lr=lr * (1 - epoch / epochs))
    return net


@torch.no_grad()
def error(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return float((net(x).argmax(1) != y).float().mean())


def random_start(gain: float) -> DBN:
    net = DBN()
    for layer in net.modules() if gain else ():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight, gain)
    return net


def pretrained_start(x: Tensor, *, epochs: int, lr: float) -> DBN:
    net = DBN()
    rule = PretrainThenTune(net)
    for turn in range(len(net.layers)):
        for _ in range(epochs):
            for batch in torch.randperm(len(x)).split(BATCH):
                rule.pretrain(x[batch], turn, lr=lr)
    return net


def one_seed(seed: int, data: dict[str, Tensor], args: argparse.Namespace) -> dict[str, float]:
    torch.manual_seed(seed)
    order = torch.randperm(len(data["x"]))
    x, y = data["x"][order[:1000]], data["y"][order[:1000]]
    held_x, held_y = data["x"][order[1000:2000]], data["y"][order[1000:2000]]
    began = time.perf_counter()
    starts = {"pretrained": [pretrained_start(data["x"], epochs=args.pretraining, lr=args.pretraining_rate)]}
    seconds = time.perf_counter() - began
    starts["random"] = [random_start(gain) for gain in args.gains]
    result = {"pretraining_seconds": seconds}
    for name, nets in starts.items():
        tried = [tune(copy.deepcopy(n), x, y, epochs=args.epochs, lr=lr) for n in nets for lr in args.rates]
        best = min(tried, key=lambda net: error(net, held_x, held_y))
        result[name] = error(best, data["test_x"], data["test_y"])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--pretraining", type=int, default=10, help="epochs a layer")
    parser.add_argument("--pretraining-rate", type=float, default=0.1)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--gains", type=float, nargs="+", default=GAINS)
    args = parser.parse_args()
    data = {
        "x": images(args.folder / "train-images-idx3-ubyte.gz")[:10_000],
        "y": idx(args.folder / "train-labels-idx1-ubyte.gz", 8)[:10_000].long(),
        "test_x": images(args.folder / "t10k-images-idx3-ubyte.gz")[:2_000],
        "test_y": idx(args.folder / "t10k-labels-idx1-ubyte.gz", 8)[:2_000].long(),
    }
    results = []
    for seed in range(args.seeds):
        results.append(one_seed(seed, data, args))
        print(seed, json.dumps(results[-1]), flush=True)
    mean = {k: statistics.mean(r[k] for r in results) for k in results[0]}
    wins = sum(r["pretrained"] < r["random"] for r in results)
    print(
        f"| DBN, 1,000 labels | pretrained {mean['pretrained']:.2%} | random {mean['random']:.2%} "
        f"| better in {wins} of {len(results)} |"
    )


if __name__ == "__main__":
    main()
