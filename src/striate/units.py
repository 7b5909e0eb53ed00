"""Bytes, counts and times in words."""

BYTE_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
COUNT_UNITS = (("G", 10**9), ("M", 10**6), ("k", 10**3))


def decimal_bytes(size: int) -> str:
    """Return a number of bytes with its unit, such as '1.5 GB'."""
    unit = next((unit for unit in ("TB", "GB", "MB", "KB") if size >= BYTE_UNITS[unit[0]]), "bytes")
    return f"{size / BYTE_UNITS.get(unit[0], 1):.1f} {unit}" if unit != "bytes" else f"{size} bytes"


def rough_bytes(size: int) -> str:
    """Return a number of bytes as '1.5 GB' or, below one, as whole megabytes."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def clock(seconds: float) -> str:
    """Return seconds as people say them: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def duration(seconds: float) -> str:
    """Return seconds as 9 s, 4:05 or 1:02:30."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def count(number: int | None) -> str:
    """Return a number to three digits or so: 118.0 M; a question mark for one that is not known."""
    if number is None:
        return "?"
    for unit, size in COUNT_UNITS:
        if number >= 10 * size or (number >= size and unit != "k"):
            return f"{number / size:,.1f} {unit}"
    return f"{number:,}"


def binary_bytes(size: int) -> str:
    """Return bytes in the binary unit that fits."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 2**power:
            return f"{size / 2**power:,.1f} {unit}"
    return f"{size} B"


def short_count(number: int) -> str:
    """Return a count in thousands, millions or billions, to three digits."""
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            value = number / unit
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {letter}"
    return str(number)
