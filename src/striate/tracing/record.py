"""The record of a trace: operations in order, and the memory of the tensors between them."""

from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import ref

from torch import nn

from striate.arithmetic.window import Window
from striate.tracing.sight import Shape, Sight

# The tensors an operation keeps for its backward pass: storage number -> bytes.
Saved = dict[int, int]


class LiveBytes:
    """The bytes of the tensors alive in a forward pass: now, and the peak."""

    def __init__(self) -> None:
        self.peak = 0
        self.numbers = 0
        self._live = 0
        # Bytes of each storage that is counted, and those that are gone since they were last looked for.
        self._bytes: dict[ref[Storage], int] = {}
        self._gone: list[ref[Storage]] = []

    @property
    def live(self) -> int:
        """Bytes of the tensors alive now."""
        while self._gone:
            self._live -= self._bytes.pop(self._gone.pop())
        return self._live

    def add(self, storage: "Storage") -> None:
        """Count a storage until it is gone."""
        # No Python runs where it goes, as in a __del__, since Ctrl-C is lost there.
        self._bytes[ref(storage, self._gone.append)] = storage.bytes
        self._live = self.live + storage.bytes
        self.peak = max(self.peak, self._live)


class Storage:
    """The memory of a tensor and its views, counted as live until the last of them is deleted."""

    __slots__ = ("__weakref__", "bytes", "ledger", "number")

    def __init__(self, size: int, ledger: LiveBytes) -> None:
        self.bytes = size
        self.ledger = ledger
        self.number = ledger.numbers
        ledger.numbers += 1
        ledger.add(self)


class Mark:
    """What the trace knows of one tensor.

    producer: number of the operation that returned it; -1 for the picture and for weights.
    data: it depends on the picture. params: the parameters it is computed from, where it does not.
    grad: it requires a gradient. real: not a meta tensor, but computed in the trace from known values alone.
    stale: it was overwritten in the trace, so the values it holds are not those the network would see.
    """

    __slots__ = ("data", "grad", "params", "producer", "real", "sight", "stale", "storage")

    def __init__(self, storage: Storage | None = None, sight: Sight | None = ()) -> None:
        self.storage = storage
        self.sight = sight
        self.producer = -1
        self.data = False
        self.params: tuple[nn.Parameter, ...] = ()
        self.grad = False
        self.real = False
        self.stale = False


@dataclass(slots=True, eq=False)
class Call:
    """One call of a module: its path in the network; `leaf` if it has no submodules; the call it is inside of."""

    path: str
    module: nn.Module
    leaf: bool
    number: int
    parent: "Call | None" = None


class Claim(NamedTuple):
    """A parameter and its role in an operation: weight, bias or norm; empty where its rule names none."""

    parameter: nn.Parameter
    role: str


@dataclass(slots=True)
class Op:
    """One operation of the trace.

    inputs: producers of what it reads. shape: of its first output, with the batch. element: bytes of one element.
    macs: None where they cannot be known. written, read: bytes. storage: number of its output's storage, or -1.
    windows, ceil: of a convolution or pooling. window_input: shape of the feature map they slide over.
    saved: kept for the backward pass. grad: its output requires a gradient.
    """

    name: str
    call: Call
    inputs: tuple[int, ...]
    shape: Shape
    element: int
    sight: Sight | None
    macs: int | None = 0
    written: int = 0
    read: int = 0
    storage: int = -1
    windows: tuple[Window, ...] = ()
    ceil: bool = False
    window_input: Shape = ()
    claims: tuple[Claim, ...] = ()
    saved: Saved = field(default_factory=dict)
    grad: bool = False
