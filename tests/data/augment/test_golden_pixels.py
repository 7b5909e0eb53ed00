"""What augmentation makes of pictures against golden_pixels.json, which only `make golden` rewrites."""

import json

import write_golden_pixels

GOLDEN: dict[str, str] = json.loads(write_golden_pixels.PAGE.read_text(encoding="utf-8"))


def test_whole_pixels_are_moved_as_they_were() -> None:
    assert dict(write_golden_pixels.golden()) == GOLDEN
