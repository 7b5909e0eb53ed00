"""What every verb shares: a flag that takes one of a few names."""

from collections.abc import Callable
from importlib import import_module
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
