"""The processes that train one network together: what they tell each other, in the same order in every one."""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor
from torch import distributed as dist

from striate.errors import LaunchError
from striate.host.device import PROCESSOR, device_of
from striate.host.launch import LAUNCHER, Rank, place, tell_lost, usable_cores

# How long the others may be silent in a run. That a process ended is noticed at once, that a machine is cut off is not.
SILENCE = timedelta(minutes=10)
# How long ranks wait for the first while it does what it does alone, such as decoding a large data set.
PATIENCE = timedelta(days=7)
# Numbers that travel together: the next ones are gathered while these are on their way.
BUCKET = 1 << 23
# Where in torch's source an error was raised, at the beginning of its text.
IN_SOURCE = re.compile(r"^\[[^]]*\.cc:\d+\] ")


@dataclass(frozen=True)
class Ranks:
    """The processes of a run as one of them sees them: it is number `rank` of `size`.

    Every method must be called by all of them, in the same order. Alone they do nothing. Each raises LaunchError
    where another rank has ended or cannot be reached. `patient` is the group to wait in for what may take long.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = PROCESSOR
    patient: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes and prints."""
        return self.rank == 0

    def purpose(self, name: str) -> str:
        """Return the purpose of draws that differ from rank to rank, as those of dropout; the first's is `name`."""
        return name if self.first else f"{name}-{self.rank}"

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Give each of the tensors, in place, its sum over all ranks, the same to the bit in every one."""
        if self.size == 1:
            return
        sent = []
        with _others_are_there():
            for bucket in _buckets(tensors):
                message = torch.cat([tensor.detach().reshape(-1) for tensor in bucket])
                sent.append((bucket, message, dist.all_reduce(message, async_op=True)))
            for bucket, message, work in sent:
                work.wait()
                parts = message.split([tensor.numel() for tensor in bucket])
                for tensor, part in zip(bucket, parts, strict=True):
                    tensor.detach().copy_(part.view(tensor.shape))

    def any(self, flag: bool) -> bool:
        """Say whether any rank says so."""
        total = torch.tensor(float(flag))
        self.add([total])
        return bool(total)

    def gather(self, part: Tensor) -> Tensor:
        """Return the parts (n, ...) of all ranks one after another (size * n, ...); n is the same in all."""
        if self.size == 1:
            return part
        mine = part.contiguous().view(-1).view(torch.uint8)
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        with _others_are_there():
            dist.all_gather(parts, mine)
        return torch.cat(parts).view(part.dtype).view(-1, *part.shape[1:])

    def tell(self, content: bytes) -> bytes:
        """Return what the first rank says, whatever this one says; those who wait for it are patient."""
        if self.size == 1:
            return content
        with _others_are_there():
            length = torch.tensor([len(content)])
            dist.broadcast(length, 0, group=self.patient)
            message = torch.frombuffer(bytearray(content or b"\0"), dtype=torch.uint8)
            message = message if self.first else torch.empty(int(length), dtype=torch.uint8)
            if length:
                dist.broadcast(message, 0, group=self.patient)
        return message.numpy().tobytes() if length else b""

    def wait(self) -> None:
        """Wait until the first rank has come as far."""
        self.tell(b"")


ALONE = Ranks()


@contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """Be one of the ranks of a run while the work inside goes on, as the environment says; alone where it says none.

    `device` is a name that `device_of` knows. A process group that exists already is used. Raises LaunchError where
    the ranks do not come together.
    """
    here = place()
    chosen = device_of(device, here)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if here.size == 1:
        yield Ranks(device=chosen)
        return
    own = not dist.is_initialized()
    if own:
        _share_cores(here)
        _end_with_launcher()
        _meet(here, chosen)
    group = dist.new_group(timeout=PATIENCE, backend="gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), chosen, group)
    finally:
        # Where a rank is lost, what it leaves half done would be waited for.
        if not isinstance(sys.exception(), LaunchError | SystemExit):
            dist.destroy_process_group(None if own else group)


def _meet(here: Rank, device: torch.device) -> None:
    """Make the process group that the environment tells of."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, timeout=SILENCE)
    except (RuntimeError, ValueError) as error:
        raise LaunchError(
            f"rank {here.rank} of {here.size} cannot meet the others at "
            f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} ({_said(error)}). "
            "See that this port is free there, and that all ranks are started together."
        ) from error


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield the tensors in the groups they travel in: of one type and device, and of about BUCKET numbers."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        alike = bucket and (bucket[0].dtype, bucket[0].device) == (tensor.dtype, tensor.device)
        if bucket and not (alike and sum(map(Tensor.numel, bucket)) < BUCKET):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


@contextmanager
def _others_are_there() -> Iterator[None]:
    """Turn what torch raises when another rank is gone into a LaunchError, or the silent end the launcher explains."""
    try:
        yield
    except RuntimeError as error:
        lost = (
            f"rank {dist.get_rank()} of {dist.get_world_size()} lost the others ({_said(error)}). "
            "See why they ended, then go on from the last checkpoint with `striate resume`."
        )
        if tell_lost(lost):
            raise SystemExit(LaunchError.exit_code) from error
        raise LaunchError(lost) from error


def _share_cores(here: Rank) -> None:
    """Compute with this rank's share of the machine's cores, unless the user has said with how many."""
    # torchrun says one where the user says nothing.
    chosen_by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("OMP_NUM_THREADS") == "1"
    if "OMP_NUM_THREADS" not in os.environ or chosen_by_torchrun:
        torch.set_num_threads(max(1, usable_cores() // here.together))


def _end_with_launcher() -> None:
    """Stop this rank, with a checkpoint, when the launcher of `--nproc` is gone: nobody else would."""
    if LAUNCHER not in os.environ:
        return

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="launcher", daemon=True).start()


def _said(error: Exception) -> str:
    """Return the first sentence of what torch says, without where in its source it says so."""
    line = (str(error).strip().splitlines() or ["torch gave no reason"])[0]
    return IN_SOURCE.sub("", line).split(". ")[0].rstrip(".")
