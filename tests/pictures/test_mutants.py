"""Thousands of damaged pictures: each gives pixels or a reason, soon and in little memory, and prints nothing."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("mutants.py")
ALL, FEW = 5000, 1000
SECONDS, KIB = 1.0, 512 * 1024
# libtiff writes its own complaints, past Python: 'JPEGLib: Bogus marker length.'
OF_LIBTIFF = re.compile(r"[\w.]+: .+")


def decoded(first: int, count: int) -> list[tuple[int, str, str, float, int]]:
    """Decode mutants in a process of their own, and return number, kind, outcome, seconds and peak of each."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(first), str(count)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if not OF_LIBTIFF.fullmatch(line)]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def check(first: int, count: int) -> None:
    rows = decoded(first, count)
    assert [row[0] for row in rows] == list(range(first, first + count))
    assert not [row for row in rows if row[3] >= SECONDS]
    assert max(row[4] for row in rows) < KIB
    reasons = [row[2] for row in rows if row[2] != "pixels"]
    assert 0.5 * count < len(reasons) < 0.95 * count
    assert not [text for text in reasons if not text or " at 0x" in text or "\n" in text]
    assert min(Counter(row[1] for row in rows).values()) >= count // 30


def test_damaged_pictures_give_pixels_or_a_reason() -> None:
    check(0, FEW)


@pytest.mark.slow
def test_five_thousand_damaged_pictures_give_pixels_or_a_reason() -> None:
    check(0, ALL)
