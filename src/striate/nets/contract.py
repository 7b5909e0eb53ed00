"""The contract of every network here, as checks that also run on a network of your own."""

import copy
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from striate.errors import UsageError, VerificationError, unknown
from striate.nets.catalog.entry import Entry

BATCH = 3
FEW = 7  # classes, where the number does not matter


def check_network(
    make: Callable[..., nn.Module],
    *,
    input: tuple[int, int, int] = (3, 224, 224),
    num_classes: int = 1000,
    smallest: int | None = None,
    params: int | None = None,
    macs: int | None = None,
    skip: Collection[str] = (),
) -> None:
    """Run every check of CHECKS, but those in `skip`, on what `make(num_classes, in_channels=...)` makes.

    `smallest` is the side of the smallest image it must take (by default that of `input`); `params` and
    `macs` are compared where given. Raises VerificationError that lists each broken promise, UsageError for a
    check that does not exist.
    """
    for name in skip:
        if name not in CHECKS:
            raise unknown("check", name, CHECKS)
    channels, height, width = input
    if min(channels, height, width, num_classes) < 1:
        raise UsageError(
            f"A network needs an input of at least 1x1x1 and a class, not {input}, {num_classes}."
        )
    side = min(height, width) if smallest is None else smallest
    subject = Subject(make, input, num_classes, side, params=params, macs=macs)
    broken = []
    for name, check in CHECKS.items():
        if name not in skip:
            try:
                check(subject)
            except VerificationError as error:
                broken.append(f"{name}: {error}")
            except Exception as error:  # a network of the user's may raise anything
                broken.append(f"{name}: {type(error).__name__}: {error}")
    if broken:
        count = f"{len(broken)} of {len(CHECKS) - len(set(skip))}"
        raise VerificationError("\n".join([f"The network breaks {count} promises.", *broken]))


@dataclass
class Subject:
    """A network under test: how to make it and what is known of it."""

    make: Callable[..., nn.Module]
    input: tuple[int, int, int]
    num_classes: int
    smallest: int
    params: int | None = None
    macs: int | None = None
    auxiliary: int | None = None

    @classmethod
    def of(cls, entry: Entry) -> "Subject":
        """Return the subject of a catalogue's entry."""

        def make(num_classes: int, *, in_channels: int) -> nn.Module:
            return entry.make(num_classes, in_channels=in_channels, **entry.settings)

        known = (entry.params, entry.macs, entry.auxiliary)
        return cls(make, entry.input, entry.num_classes, entry.smallest, *known)

    @cached_property
    def small(self) -> nn.Module:
        """The network with few classes, from a fixed seed; checks change its mode but not its weights."""
        with seeded():
            return self.make(FEW, in_channels=self.input[0])

    @cached_property
    def images(self) -> Tensor:
        """A batch of the smallest images, drawn from a fixed seed."""
        with seeded():
            return torch.randn(BATCH, self.input[0], self.smallest, self.smallest)

    @cached_property
    def ghost(self) -> nn.Module:
        """The network at its own size on the meta device, where tensors have shapes but no values."""
        return self.ghost_of(self.num_classes, self.input[0])

    def ghost_of(self, num_classes: int, in_channels: int) -> nn.Module:
        """Return the network on the meta device, for other numbers of classes and channels."""
        with torch.device("meta"):
            return self.make(num_classes, in_channels=in_channels)


def has_its_shape(subject: Subject) -> None:
    """In eval mode the output is one tensor of (B, num_classes)."""
    expect_shape(subject.ghost, BATCH, subject.input, subject.num_classes)


def takes_any_classes(subject: Subject) -> None:
    """`num_classes` is obeyed."""
    net = subject.ghost_of(2, subject.input[0])
    expect_shape(net, 1, (subject.input[0], subject.smallest, subject.smallest), 2)


def takes_other_channels(subject: Subject) -> None:
    """`in_channels` is obeyed."""
    for channels in (1, 12):
        net = subject.ghost_of(subject.num_classes, channels)
        expect_shape(net, 1, (channels, subject.smallest, subject.smallest), subject.num_classes)


def takes_other_sizes(subject: Subject) -> None:
    """The smallest image works, and so does a larger and oblong one."""
    channels, height, width = subject.input
    for size in ((subject.smallest, subject.smallest), (height + 9, width + 40)):
        expect_shape(subject.ghost, 1, (channels, *size), subject.num_classes)


def reaches_every_parameter(subject: Subject) -> None:
    """In training mode each trainable parameter gets a gradient, finite and not all zero."""
    net = copy.deepcopy(subject.small).train()
    with seeded():
        loss = torch.stack([logits.square().sum() for logits in outputs(net(subject.images))]).sum()
    torch.autograd.backward(loss)
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            raise VerificationError(f"'{name}' gets no gradient: nothing it computes reaches the output.")
        if not parameter.grad.isfinite().all():
            raise VerificationError(f"The gradient of '{name}' is not finite.")
        if not parameter.grad.any():
            raise VerificationError(f"The gradient of '{name}' is zero.")


def is_deterministic(subject: Subject) -> None:
    """In eval mode the same images give the same logits, bit for bit, and change nothing in the network."""
    net = subject.small.eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():
        first, second = net(subject.images), net(subject.images)
    if not first.isfinite().all():
        raise VerificationError("In eval mode the logits are not finite.")
    if not torch.equal(first, second):
        raise VerificationError("In eval mode the same images give other logits the second time.")
    for key, value in net.state_dict().items():
        if not torch.equal(value, before[key]):
            raise VerificationError(f"In eval mode a forward pass changes '{key}'.")


def treats_images_apart(subject: Subject) -> None:
    """In eval mode an image's logits do not depend on the others of its batch."""
    net = subject.small.eval()
    with torch.no_grad():
        together = net(subject.images)
        alone = torch.cat([net(image[None]) for image in subject.images])
    scale = together.abs().max().clamp_min(1e-30)
    gap = ((together - alone).abs().max() / scale).item()
    if not gap <= 1e-4:  # so that NaN fails too
        raise VerificationError(f"In eval mode an image's logits change by {gap:.1e} with its batch.")


def survives_a_file(subject: Subject) -> None:
    """Its state_dict goes through safetensors into a new network that gives the same logits, bit for bit."""
    net = subject.small.eval()
    state = load(save({key: value.contiguous() for key, value in net.state_dict().items()}))
    with seeded(1):
        other = subject.make(FEW, in_channels=subject.input[0]).eval()
    other.load_state_dict(state)
    with torch.no_grad():
        if not torch.equal(net(subject.images), other(subject.images)):
            raise VerificationError("A new network with the same state_dict gives other logits.")


def exports_whole(subject: Subject) -> None:
    """In eval mode torch.export captures it as one graph, which gives the same logits."""
    net = subject.small.eval()
    try:
        program = torch.export.export(net, (subject.images,))
    except Exception as error:  # torch.export raises whatever its tracer meets
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise VerificationError(f"torch.export cannot capture it: {reason}") from error
    with torch.no_grad():
        wanted, found = net(subject.images), program.module()(subject.images)
    if not torch.allclose(wanted, found, rtol=1e-4, atol=1e-5):
        raise VerificationError("The exported graph gives other logits.")


def counts_as_stated(subject: Subject) -> None:
    """Parameters, auxiliary parameters and multiply-adds are those stated, where any are."""
    params, auxiliary, macs = count(subject.ghost, subject.input)
    found = {"parameters": params, "auxiliary parameters": auxiliary, "multiply-adds": macs}
    stated = (subject.params, subject.auxiliary, subject.macs)
    for (what, number), wanted in zip(found.items(), stated, strict=True):
        if wanted is not None and number != wanted:
            raise VerificationError(f"It has {number:,} {what}, not {wanted:,}.")


# Name -> check; each raises VerificationError. The names are what `skip` takes.
CHECKS: dict[str, Callable[[Subject], None]] = {
    "shape": has_its_shape,
    "classes": takes_any_classes,
    "channels": takes_other_channels,
    "sizes": takes_other_sizes,
    "gradients": reaches_every_parameter,
    "deterministic": is_deterministic,
    "batch": treats_images_apart,
    "state_dict": survives_a_file,
    "exports": exports_whole,
    "counts": counts_as_stated,
}


def count(net: nn.Module, input: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return a network's trainable parameters, those that only training uses, and its multiply-adds.

    The multiply-adds are of one image in eval mode; parameters that its logits do not depend on are
    auxiliary. `net` may be on the meta device.
    """
    named = {name: p for name, p in net.named_parameters() if p.requires_grad}
    device = next(net.parameters(), torch.empty(0)).device
    with FlopCounterMode(display=False) as counter:
        logits = net.eval()(torch.zeros(1, *input, device=device))
    grads = torch.autograd.grad(logits.sum(), list(named.values()), allow_unused=True) if named else ()
    used = sum(p.numel() for p, grad in zip(named.values(), grads, strict=True) if grad is not None)
    return used, sum(p.numel() for p in named.values()) - used, counter.get_total_flops() // 2


def outputs(result: Any) -> tuple[Tensor, ...]:
    """Return the logits and those of auxiliary heads, if any."""
    return tuple(result) if isinstance(result, tuple) else (result,)


def expect_shape(net: nn.Module, batch: int, image: tuple[int, ...], num_classes: int) -> None:
    """Run `net` in eval mode on meta images and compare its output's shape."""
    what = f"In eval mode a batch of {'x'.join(map(str, (batch, *image)))}"
    try:
        with torch.no_grad():
            logits = net.eval()(torch.empty(batch, *image, device="meta"))
    except RuntimeError as error:
        raise VerificationError(f"{what} is refused: {error}") from error
    if not isinstance(logits, Tensor):
        raise VerificationError(f"{what} gives a {type(logits).__name__}, not a tensor.")
    if logits.shape != (batch, num_classes):
        raise VerificationError(f"{what} gives {tuple(logits.shape)}, not {(batch, num_classes)}.")


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Draw from a fixed seed, and leave torch's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
