"""Eviction of packs from the cache: its size limit, and removing the least recently used packs for a new one."""

import fcntl
import os
import re
import shutil
from pathlib import Path

from striate.data.store.pack import INDEX, LOCK, PackPath
from striate.errors import StorageError, UsageError
from striate.units import BYTE_UNITS, decimal_bytes

# The environment variable that limits the size of all packs together, and its default; 0 keeps no pack.
VARIABLE = "STRIATE_CACHE_LIMIT"
DEFAULT_LIMIT = "100G"
# The share of the disk that is left free.
SPARE = 0.05


def make_room(place: PackPath, needed: int) -> None:
    """Evict the least recently used packs until `needed` more bytes fit into the limit and on the disk.

    A pack that is being written is kept, even if there is then too little room. Raises StorageError, and evicts
    nothing, where the limit or the disk is too small.
    """
    limit, cache = limit_of(os.environ.get(VARIABLE) or DEFAULT_LIMIT), place.folder.parent
    own, sizes = _size(place.folder), {path: _size(path) for path in _by_last_use(cache)}
    sizes.pop(place.folder, None)
    disk = shutil.disk_usage(cache)
    room = disk.free - SPARE * disk.total
    if own + needed > limit:
        raise StorageError(
            f"the decoded pictures take {decimal_bytes(own + needed)}, more than "
            f"the {decimal_bytes(limit)} of {VARIABLE}"
        )
    if needed > room + sum(sizes.values()):
        raise StorageError(
            f"the decoded pictures take {decimal_bytes(needed)}, "
            f"and the disk of {cache} has {decimal_bytes(disk.free)} free"
        )
    taken = own + sum(sizes.values())
    for path, size in sizes.items():
        if taken + needed <= limit and needed <= room:
            return
        if _drop(path):
            taken, room = taken - size, room + size


def limit_of(text: str) -> int:
    """Return a size such as '50G' in bytes; raises UsageError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip().upper())
    if match is None:
        raise UsageError(f"{VARIABLE} is '{text}'; wanted a size, such as 50G.")
    return int(float(match[1]) * BYTE_UNITS[match[2]])


def mark_used(place: PackPath) -> None:
    """Record that a pack was used now, as the modification time of its index."""
    os.utime(place.folder / INDEX)


def _by_last_use(cache: Path) -> list[Path]:
    """Return the folders of the packs, the least recently used first; those without an index come before all others."""

    def used(path: Path) -> int:
        try:
            return (path / INDEX).stat().st_mtime_ns
        except OSError:
            return 0

    return sorted((path for path in cache.glob("*") if path.is_dir()), key=used)


def _size(folder: Path) -> int:
    """Return the bytes a pack takes on the disk; files that another process removes meanwhile are not counted."""
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_blocks * 512
        except OSError:
            continue
    return total


def _drop(folder: Path) -> bool:
    """Remove a pack unless a process is writing it, and say whether it was removed.

    A process that has mapped the pack keeps its pages.
    """
    try:
        with (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    return True
