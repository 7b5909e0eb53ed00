"""docs/spec.md is kept true: its examples run, its classics count, its tables are complete."""

import doctest
import re
from pathlib import Path

import pytest
import torch

from striate import spec
from striate.spec.words import FORMS, SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "spec.md"
TEXT = PAGE.read_text(encoding="utf-8")
CLASSICS = re.findall(r"(\d+)x(\d+)x(\d+), ([\d,]+) parameters\.\n\n```spec\n(.*?)```", TEXT, re.DOTALL)


def test_the_examples_give_what_is_printed() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted >= 6
    assert result.failed == 0


def test_every_layer_and_setting_is_in_the_tables() -> None:
    words = re.findall(r"`([^`\n]+)`", TEXT)
    for name, form in FORMS.items():
        assert form.example in words, name
        rows = [row for row in TEXT.splitlines() if row.startswith("| `") and f"`{form.example}`" in row]
        assert len(rows) == 1, name
        assert rows[0].split("|")[3].strip(" `").split() == list(form.settings), name
    for letter in SETTINGS:
        assert f"\n| `{letter}` |" in TEXT


def test_all_classics_of_the_page_are_found() -> None:
    assert len(CLASSICS) == TEXT.count("```spec") == 7


@pytest.mark.parametrize(("channels", "height", "width", "count", "text"), CLASSICS)
def test_a_classic_has_the_parameters_the_page_says(
    channels: str, height: str, width: str, count: str, text: str
) -> None:
    shape = (int(channels), int(height), int(width))
    with torch.device("meta"):
        net = spec.build(text, input=shape)
        out = net(torch.empty(2, *shape))
    assert sum(p.numel() for p in net.parameters()) == int(count.replace(",", ""))
    assert out.shape == (2, 1000 if height in ("224", "227") else 10)
    assert spec.parse(spec.format(spec.parse(text))) == spec.parse(text)
