"""Loads weights into a network from a safetensors file, or from a .pth file read as tensors only.

This is the one place that opens .pth files, always with `weights_only=True`: such a file cannot run code.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from striate.errors import DataError

TORCH_SUFFIXES = {".pth", ".pt", ".bin", ".tar"}
SHOWN = 3

# DenseNet's first published files say norm.1 where torchvision's modules have long been called norm1.
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")

# The EfficientNet-Lite0 package numbers blocks straight through and names layers as efficientnet_pytorch
# does.
LITE_BLOCKS = [f"{stage}.{i}" for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for i in range(blocks)]
LITE_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
LITE_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
LITE_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


@dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What loading did: tensors taken, and where the head or stem differs from the file's.

    `head` and `stem` are (in the file, in the network): classes and input channels.
    """

    source: str
    loaded: int
    head: tuple[int, int] | None = None
    stem: tuple[int, int] | None = None

    def __str__(self) -> str:
        """Return the report in one line."""
        parts = [f"Took {self.loaded} tensors from {self.source}."]
        if self.head:
            parts.append(
                f"The head for {self.head[0]} classes was replaced by a new one for {self.head[1]}: train it."
            )
        if self.stem:
            parts.append(f"The first convolution was adapted from {self.stem[0]} to {self.stem[1]} channels.")
        return " ".join(parts)


def load_weights(net: nn.Module, path: str | Path) -> WeightsReport:
    """Copy the tensors of a .safetensors or .pth file into `net` and report where it differs.

    A head for another number of classes keeps the network's fresh weights. A first convolution for another
    number of channels is adapted: for one channel the file's are summed, which on a grey image is the same
    as showing it in every channel; for more they are repeated in turn and scaled, so that the sum keeps its
    size. Raises DataError when anything else differs or the file cannot be read.
    """
    path = Path(path)
    return fit(net, read(path), source=path.name)


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a weights file, under the names that torchvision and timm use today."""
    if not path.is_file():
        raise DataError(f"No weights file at {path}. Give a .safetensors or .pth file.")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise DataError(f"{path} is not a whole safetensors file ({error}). Download it again.") from None
    if path.suffix not in TORCH_SUFFIXES:
        raise DataError(f"{path} is neither .safetensors nor .pth. Give a weights file.")
    return {modern(key): value for key, value in unwrap(read_torch(path), path).items()}


def read_torch(path: Path) -> object:
    """Read a file that torch.save wrote, refusing anything that is not plain tensors and containers."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises whatever the bytes make it raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{path} cannot be read as plain tensors ({reason}). Save its state_dict alone, as .safetensors."
        ) from None


def unwrap(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state_dict in a checkpoint, where training scripts keep it under state_dict or model."""
    if isinstance(content, Mapping):
        for key in ("state_dict", "model"):
            if isinstance(content.get(key), Mapping):
                return unwrap(content[key], path)
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return {str(key).removeprefix("module."): value for key, value in content.items()}
    raise DataError(f"{path} holds no state_dict: wanted a mapping from names to tensors.")


def modern(key: str) -> str:
    """Return a published key as torchvision's or timm's modules name it today."""
    head, _, rest = key.partition(".")
    if head in LITE_TOP:
        return f"{LITE_TOP[head]}.{rest}"
    if head == "_blocks":
        number, layer, tensor = rest.split(".")
        names = LITE_BLOCK if number != "0" else LITE_FIRST_BLOCK
        return f"blocks.{LITE_BLOCKS[int(number)]}.{names[layer]}.{tensor}"
    return OLD_DENSENET.sub(r"\1\2", key)


def fit(net: nn.Module, state: Mapping[str, Tensor], *, source: str) -> WeightsReport:
    """Copy `state` into `net`, leaving a head of other size fresh and adapting a stem of other channels."""
    own, taken = net.state_dict(), dict(state)
    stem = first_convolution(net)
    misshapen = {k: v for k, v in taken.items() if k in own and own[k].shape != v.shape}
    channels = None
    if stem in misshapen and same_but(misshapen[stem], own[stem], axis=1):
        channels = (misshapen[stem].shape[1], own[stem].shape[1])
        taken[stem] = adapt_stem(misshapen.pop(stem), channels[1])
    classes = {(v.shape[0], own[k].shape[0]) for k, v in misshapen.items() if same_but(v, own[k], axis=0)}
    head = next(iter(classes)) if len(classes) == 1 else None
    wrong = {} if head and all(same_but(v, own[k], axis=0) for k, v in misshapen.items()) else misshapen
    counters = {k for k in own if k.endswith("num_batches_tracked")}
    missing = [k for k in own if k not in taken and k not in counters]
    unexpected = [k for k in taken if k not in own]
    if missing or unexpected or wrong:
        shapes = [f"{k} {shape(v)}, wanted {shape(own[k])}" for k, v in wrong.items()]
        raise misfit(net, source, {"missing": missing, "not of it": unexpected, "of another shape": shapes})
    net.load_state_dict({k: v for k, v in taken.items() if k not in misshapen}, strict=False)
    return WeightsReport(source=source, loaded=len(taken) - len(misshapen), head=head, stem=channels)


def misfit(net: nn.Module, source: str, faults: Mapping[str, list[str]]) -> DataError:
    """Return the error for a file of another network, with the first few differences of each kind."""
    parts = []
    for kind, names in faults.items():
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            parts.append(f"{len(names)} {kind} ({'; '.join(names[:SHOWN])}{more})")
    return DataError(f"{source} does not fit {type(net).__name__}: {', '.join(parts)}.")


def shape(tensor: Tensor) -> str:
    """Write a shape as 64x3x7x7."""
    return "x".join(map(str, tensor.shape)) or "scalar"


def same_but(a: Tensor, b: Tensor, *, axis: int) -> bool:
    """Tell whether two tensors have the same shape, but for one axis."""
    if a.dim() != b.dim() or a.dim() <= axis:
        return False
    return all(i == axis or m == n for i, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)))


def first_convolution(net: nn.Module) -> str:
    """Return the key of the first convolution's weight, or '' where there is none."""
    names = (name for name, module in net.named_modules() if isinstance(module, nn.Conv2d))
    name = next(names, None)
    return "" if name is None else f"{name}.weight"


def adapt_stem(weight: Tensor, channels: int) -> Tensor:
    """(N, C, H, W) -> (N, channels, H, W): the sum for one channel, else in turn and times C / channels."""
    if channels == 1:
        return weight.sum(1, keepdim=True)
    given = weight.shape[1]
    return weight[:, torch.arange(channels) % given] * (given / channels)
