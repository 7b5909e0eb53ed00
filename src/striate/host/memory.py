"""Memory: how much this process may use, and how running out of it is recognised."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from striate.errors import StorageError, command

# What torch and its libraries say where they raise a plain RuntimeError.
SAID = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "could not create a memory object",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class NoRoomError(Exception):
    """There was not enough memory; its text is the first line of what the allocator said."""


@contextmanager
def no_room_errors() -> Iterator[None]:
    """Turn every way of running out of memory into a NoRoomError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # Not chained: the traceback would hold what the step had allocated.
        raise NoRoomError(_first_line(error)) from None


@contextmanager
def memory_errors(folder: Path) -> Iterator[None]:
    """Turn a want of memory that no smaller part can help into the StorageError of the run in a folder."""
    try:
        with no_room_errors():
            yield
    except NoRoomError as error:
        raise no_memory(folder, f"({error})") from None


def no_memory(folder: Path, what: str) -> StorageError:
    """Return the error of a run that cannot go on for want of memory."""
    return StorageError(
        f"{folder}: not enough memory {what}. Close other programs, then go on with: "
        f"{command('resume', folder)}; or train again with a smaller --size or another --net."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an exception means that memory could not be had, in the process or on the device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in SAID)


def _first_line(error: BaseException) -> str:
    """Return what an allocator said, without where in its own source it said so."""
    line = (str(error).splitlines() or [""])[0]
    return line.split("] ", 1)[-1].rstrip(".") or "the allocator gave no reason"


def release() -> None:
    """Give back what a failed step had: what waits for the garbage collector, and what torch keeps of a device."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def memory() -> int:
    """Return the bytes of memory this process may use: the machine's, or its control group's where that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine
