"""The ranks of a run and their collective operations, by torch.distributed: all-reduce, all-gather, broadcast."""

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

# Timeout of an all-reduce or all-gather. A process that ends is noticed at once, a machine that is cut off after this.
SILENCE = timedelta(minutes=10)
# Timeout of a broadcast: how long ranks wait while rank 0 works alone, such as at decoding a large data set.
PATIENCE = timedelta(days=7)
# Values in one all-reduce: the next bucket is packed while this one is being sent.
BUCKET = 1 << 23
# Where in torch's source an error was raised, at the beginning of its text.
IN_SOURCE = re.compile(r"^\[[^]]*\.cc:\d+\] ")


@dataclass(frozen=True)
class Ranks:
    """The ranks of a run as one of them sees them: it is `rank` of a world size of `size`, and computes on `device`.

    The collective operations (`add`, `any`, `gather`, `tell`, `wait`) must be called on every rank in the same order;
    where `size` is 1 they do nothing. Each raises LaunchError where another rank has ended or cannot be reached.
    `patient` is the process group of broadcasts, whose timeout is long.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = PROCESSOR
    patient: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes and prints."""
        return self.rank == 0

    def purpose(self, name: str) -> str:
        """Return the purpose of random draws that differ between ranks, as dropout's do; on rank 0 it is `name`."""
        return name if self.first else f"{name}-{self.rank}"

    def add(self, tensors: Sequence[Tensor]) -> None:
        """All-reduce: replace each tensor by its sum over all ranks, the same to the bit on every rank."""
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
        """Say whether the flag is set on any rank."""
        total = torch.tensor(float(flag))
        self.add([total])
        return bool(total)

    def gather(self, part: Tensor) -> Tensor:
        """All-gather: return the parts (n, ...) of all ranks in order (size * n, ...); n is the same on every rank."""
        if self.size == 1:
            return part
        mine = part.contiguous().view(-1).view(torch.uint8)
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        with _others_are_there():
            dist.all_gather(parts, mine)
        return torch.cat(parts).view(part.dtype).view(-1, *part.shape[1:])

    def tell(self, content: bytes) -> bytes:
        """Broadcast: return the content that rank 0 gives, whatever this rank gives; the timeout is PATIENCE."""
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
        """Wait until rank 0 calls this too."""
        self.tell(b"")


ALONE = Ranks()


@contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """Join the ranks of a run, as torchrun's environment variables say, while inside; without them, be the only rank.

    `device` is a name that `device_of` knows. A process group that exists already is used. Raises LaunchError where
    the ranks do not meet.
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
        # After a rank is lost, destroying the group would wait for its unfinished operations.
        if not isinstance(sys.exception(), LaunchError | SystemExit):
            dist.destroy_process_group(None if own else group)


def _meet(here: Rank, device: torch.device) -> None:
    """Make the default process group of the environment's ranks; raises LaunchError where they do not meet."""
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
    """Yield the tensors in the buckets they are sent in: of one type and device, and of about BUCKET values."""
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
    """Turn torch's error for a lost rank into a LaunchError, or under `--nproc` into a SystemExit.

    There the launcher reports which rank was lost.
    """
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
    # torchrun sets it to 1 where the user has not set it.
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
