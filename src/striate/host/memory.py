"""How much memory this process may use, how its allocator keeps it, and how an out-of-memory error is recognised."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from striate.errors import StorageError, command

# By these texts a plain RuntimeError of torch or its libraries is an out-of-memory error.
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

# Where the `striate` command writes the number of its process, which its children do not have.
OWNER = "STRIATE_PROCESS"
# Parameters of mallopt (glibc's malloc.h) and their values: no block gets an mmap of its own, the top of the heap is
# trimmed only where more than 2 GB are free, the heap grows by 64 MB, and all threads share one arena.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
KEPT = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 << 20, M_ARENA_MAX: 1}


class NoRoomError(Exception):
    """There was not enough memory; the text is the first line of the allocator's message."""


@contextmanager
def no_room_errors() -> Iterator[None]:
    """Turn every out-of-memory error into a NoRoomError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # Not chained: the traceback would keep the tensors of the step alive.
        raise NoRoomError(_first_line(error)) from None


@contextmanager
def memory_errors(folder: Path) -> Iterator[None]:
    """Turn an out-of-memory error that smaller batches cannot avoid into the StorageError of the run in `folder`."""
    try:
        with no_room_errors():
            yield
    except NoRoomError as error:
        raise no_memory(folder, f"({error})") from None


def no_memory(folder: Path, what: str) -> StorageError:
    """Return the error of a run that cannot go on for lack of memory."""
    return StorageError(
        f"{folder}: not enough memory {what}. Close other programs, then go on with: "
        f"{command('resume', folder)}; or train again with a smaller --size or another --net."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an exception means that an allocation failed, on the host or on a device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in SAID)


def _first_line(error: BaseException) -> str:
    """Return the first line of an allocator's message, without the place in its source that begins it."""
    line = (str(error).splitlines() or [""])[0]
    return line.split("] ", 1)[-1].rstrip(".") or "the allocator gave no reason"


def release() -> None:
    """Free what a failed step had allocated: collect garbage, and empty torch's cache of CUDA memory."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def memory() -> int:
    """Return the bytes of memory this process may use: the machine's, or the limit of its cgroup where that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine


def keep_freed_memory_of_ours() -> bool:
    """Do what `keep_freed_memory` does where this process is the `striate` command; a notebook's stays as it was."""
    return os.environ.get(OWNER) == str(os.getpid()) and keep_freed_memory()


def keep_freed_memory() -> bool:
    """Make glibc's allocator keep freed memory, and return whether it did: False where the C library is another.

    By default it returns every block over 32 MB to the system. The next allocation then costs a page fault for each
    page, which the system fills with zeros first: a quarter of a microsecond each (docs/log.md has the measurement).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in KEPT.items())
