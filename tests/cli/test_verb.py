"""What every verb shares: a flag that takes one of a few names."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from striate.cli.main import VERBS

Striate = Callable[..., Any]

CHOICES = {
    f"{verb} {param.opts[0]}": (verb, param.opts[0], param.type.choices)
    for verb in VERBS
    for param in import_module(f"striate.cli.{verb}").command.params
    if isinstance(param.type, click.Choice)
}


@pytest.mark.parametrize("flag", CHOICES)
def test_a_misspelt_choice_is_answered_with_the_nearest_one(striate: Striate, flag: str) -> None:
    verb, option, known = CHOICES[flag]
    answer = striate(verb, option, f"{known[0]}x")
    expected = f"striate: Unknown {option} '{known[0]}x'. Did you mean '{known[0]}'?\n"
    assert (answer.code, answer.out, answer.err) == (1, "", expected)


@pytest.mark.parametrize("flag", CHOICES)
def test_a_choice_like_none_of_them_is_answered_with_all(striate: Striate, flag: str) -> None:
    verb, option, known = CHOICES[flag]
    answer = striate(verb, option, "?")
    expected = f"striate: Unknown {option} '?'. Known: {', '.join(sorted(known))}.\n"
    assert (answer.code, answer.out, answer.err) == (1, "", expected)


def test_the_value_of_an_option_is_never_taken_for_an_option(striate: Striate, photos: Path) -> None:
    flags = ("--net", "conv3-4 relu gap fc-classes", "--size", "8", "--epochs", "1", "--batch", "8")
    answer = striate("train", photos, *flags, "--out", "lr=0.05")
    assert (answer.code, Path("lr=0.05/recipe.toml").exists()) == (0, True)
    answer = striate(
        "train", photos, *flags, "--weights", "lr=0.05/model/model.safetensors", "--out", "second"
    )
    assert answer.code == 0, answer.err


def test_what_follows_two_dashes_is_a_name_even_if_it_looks_like_an_option(
    striate: Striate, photos: Path
) -> None:
    photos.rename("size=64")
    answer = striate("check", "--", "size=64")
    assert answer.code == 0, answer.err
    assert "size=64" in answer.out


@pytest.mark.parametrize("form", ["epochs=1", "--epochs=1"])
def test_an_option_after_a_flag_that_takes_no_value_is_still_one(
    striate: Striate, photos: Path, form: str
) -> None:
    flags = ("--net", "conv3-4 relu gap fc-classes", "--size", "8", "--batch", "8", "--no-pack")
    answer = striate("train", photos, *flags, form, "--out", "run")
    assert answer.code == 0, answer.err
    assert "\nepochs = 1\n" in Path("run/recipe.toml").read_text(encoding="utf-8")
