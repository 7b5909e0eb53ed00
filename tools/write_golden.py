"""Write tests/nets/golden.json: what each network counts and computes. `make golden` runs this.

Weights are set by a rule that is the same on every machine, statistics of batch norms are those of the
images, and all is computed in float64, so that another machine differs only in the last digits.
"""

import json
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from striate.nets import CATALOG
from striate.nets.contract import count
from striate.tracing.summary import summary

PAGE = Path(__file__).parent.parent / "tests" / "nets" / "golden.json"
CLASSES = 7
BATCH = 4
TABLE = 65_537  # a prime, so that repeats of the table do not line up with a layer's rows


def numbers(n: int, *, seed: int) -> Tensor:
    """Return n numbers of mean 0 and variance 1, uniform, from integers that every machine draws alike."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.randint(0, 2**24, (TABLE,), generator=generator).double() / 2**24 - 0.5
    return (12**0.5 * table).repeat(-(-n // TABLE))[:n]


def set_weights(net: nn.Module) -> None:
    """Give each parameter its own numbers, of a size that keeps a signal's."""
    with torch.no_grad():
        for seed, (name, p) in enumerate(net.named_parameters()):
            if not p.requires_grad:
                continue
            values = numbers(p.numel(), seed=seed).view_as(p)
            if p.ndim > 1:
                p.copy_(values * (2 / p[0].numel()) ** 0.5)
            else:
                p.copy_(0.1 * values + float(name.endswith("weight")))


def logits(name: str) -> list[float]:
    """Return the logits of one image of a batch, by the weights of `set_weights`."""
    entry = CATALOG[name]
    side = 2 * entry.smallest
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = entry.make(CLASSES, in_channels=entry.input[0], **entry.settings).double().eval()
    set_weights(net)
    images = numbers(BATCH * entry.input[0] * side * side, seed=1_000_000)
    images = images.view(BATCH, entry.input[0], side, side)
    with torch.no_grad():
        norms = [m for m in net.modules() if isinstance(m, _BatchNorm)]
        if norms:
            for norm in norms:
                norm.momentum = 1.0
                norm.train()
            net(images)
        return net.eval()(images)[0].tolist()


def measure(name: str) -> dict[str, object]:
    """Return what golden.json says of a network."""
    entry = CATALOG[name]
    with torch.device("meta"):
        net = entry.make(entry.num_classes, in_channels=entry.input[0], **entry.settings)
    params, auxiliary, macs = count(net, entry.input)
    digits = [float(f"{value:.6g}") for value in logits(name)]
    counts = {"params": params, "auxiliary": auxiliary, "macs": macs}
    return {**counts, "receptive_field": field(name), "logits": digits}


def field(name: str) -> list[int] | None:
    """Return the receptive field (height, width) of the last convolution, at the network's own input."""
    entry = CATALOG[name]
    table = summary(
        lambda: entry.make(entry.num_classes, in_channels=entry.input[0], **entry.settings), entry.input
    )
    fields = [layer.receptive_field for layer in table.layers if layer.op == "conv2d"]
    return None if not fields or fields[-1] is None else list(fields[-1])


def main() -> None:
    """Write the file, one network a line: every network measured anew, or only those that are named."""
    named = sys.argv[1:]
    known = json.loads(PAGE.read_text(encoding="utf-8")) if named else {}
    rows = {name: measure(name) if name in named or name not in known else known[name] for name in CATALOG}
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
    PAGE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
