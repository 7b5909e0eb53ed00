"""Settings of glibc's allocator: the process keeps freed memory, since the next training step allocates it again."""

import ctypes
import sys

# Parameters of mallopt (glibc's malloc.h) and their values: no block gets an mmap of its own, the top of the heap is
# trimmed only where more than 2 GB are free, the heap grows by 64 MB, and all threads share one arena.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
KEPT = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 << 20, M_ARENA_MAX: 1}


def keep_freed_memory() -> bool:
    """Make glibc's allocator keep freed memory, and return whether it did: False where the C library is another.

    By default it returns every block over 32 MB to the system. The next allocation then costs a page fault for each
    page, which the system fills with zeros first: a quarter of a microsecond each (docs/log.md has the measurement).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in KEPT.items())
