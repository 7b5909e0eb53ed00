"""The process's memory, kept once it has been had: a step frees what the next one asks for again."""

import ctypes
import sys

# Parameters of mallopt and what they are set to (glibc's malloc.h): nothing is mapped by itself, the end of the heap is
# given back only where it is larger than 2 GB, the heap grows by 64 MB, and threads share it.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
KEPT = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 << 20, M_ARENA_MAX: 1}


def keep_freed_memory() -> bool:
    """Tell glibc to keep what this process frees, and return whether it is there to be told.

    By default it gives every block over 32 MB back to the system, which hands it out again a page at a time, each a
    fault of a quarter of a microsecond and filled with zeros first: docs/log.md has what that costs.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in KEPT.items())
