"""What a summary says, as plain data: one Layer a row, and the Total."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

Pixels = tuple[int, ...]
Steps = tuple[int | Fraction, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One row: an operation, or a module without submodules whose operations belong together.

    path: of the module that ran it; "" for the whole network. op: the operation. kind: class of that module.
    output: without the batch. params = weight + bias + norm, of which `frozen` are not trained; parameters
    met before are counted where they were met first. macs: None where they cannot be known. kernel, stride:
    of the window that slides.
    activation_bytes: written by it, 0 for a view or in place. receptive_field, jump, start: per axis of the
    picture, None where not known; receptive_field_min: along the narrowest branch. jump is None once every
    element sees the same pixels. inputs: the rows it reads, -1 for the picture. train_only: it runs in training only.
    """

    path: str
    op: str
    kind: str
    output: tuple[int, ...]
    params: int = 0
    macs: int | None = 0
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    receptive_field: Pixels | None = None
    receptive_field_min: Pixels | None = None
    jump: Steps | None = None
    start: tuple[int, ...] | None = None
    activation_bytes: int = 0
    notes: tuple[str, ...] = ()
    weight: int = 0
    bias: int = 0
    norm: int = 0
    frozen: int = 0
    buffers: int = 0
    train_only: bool = False
    inputs: tuple[int, ...] = ()
    seconds: float | None = None

    @property
    def title(self) -> str:
        """The operation with its window: conv2d 7x7/2."""
        if not self.kernel or not self.stride:
            return self.op
        return f"{self.op} {'x'.join(map(str, self.kernel))}" + (
            f"/{max(self.stride)}" if max(self.stride) > 1 else ""
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON has it: lists, and numbers only."""
        row = asdict(self)
        if self.jump is not None:
            row["jump"] = [int(j) if j == int(j) else float(j) for j in self.jump]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}


@dataclass(frozen=True, slots=True)
class Total:
    """The sums over a network, for a batch where they depend on it.

    params: every parameter except train_only, those of parts that run in training alone; `trainable` of them
    are trained. unused: parameters of `params` that no operation touched. macs: of the inference pass; those
    not known are left out, and a warning says so. activation_bytes: written in one inference pass.
    inference_bytes, training_bytes: the most memory alive at once, see docs/summary.md for the model.
    intensity: operations (two to a multiply-add) per byte moved. seconds: the least time, where asked for.
    """

    params: int
    trainable: int
    train_only: int
    unused: int
    buffers: int
    macs: int
    activation_bytes: int
    weight_bytes: int
    saved_bytes: int
    inference_bytes: int
    training_bytes: int
    intensity: float
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the totals as JSON has them."""
        return asdict(self)


@dataclass(frozen=True)
class Table:
    """A network's name, the picture it was given, its rows, their sums, and what could not be known."""

    name: str
    input: tuple[int, ...]
    batch: int
    layers: tuple[Layer, ...]
    total: Total
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in the shape that docs/summary.md documents."""
        return {
            "name": self.name,
            "input": list(self.input),
            "batch": self.batch,
            "layers": [layer.to_dict() for layer in self.layers],
            "total": self.total.to_dict(),
            "warnings": list(self.warnings),
        }
