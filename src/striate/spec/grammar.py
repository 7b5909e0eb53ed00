"""The parser of the layer language, from a text to layers (grammar: docs/spec.md, words: spec/words.py)."""

import re
from typing import Any, NoReturn

from striate.errors import UsageError, unknown
from striate.spec.pointer import pointed
from striate.spec.tree import (
    Activation,
    Block,
    Conv,
    Dropout,
    Layer,
    Linear,
    Norm,
    Pair,
    Pool,
    Repeat,
    Reshape,
    Span,
    Width,
    size,
)
from striate.spec.words import ELSEWHERE, FORMS, SETTINGS, Form

MOST_LAYERS = 10_000
DEEPEST_NESTING = 32
LARGEST_NUMBER = 1_000_000
NO_SOFTMAX = "Leave out softmax: the loss and the predictions apply it, and the network gives the scores."

_SKIPPED = re.compile(r"(?:[\s,]|->|→|-(?!\d)|#[^\n]*)+")
_NAME = re.compile(r"relu6(?!\d)|[a-z]+", re.IGNORECASE | re.ASCII)
_AFTER_NAME = re.compile(r"\.?\d|[-/]|$", re.ASCII)
_NUMBER = re.compile(r"(\d+)(?:[x×](\d+))?(?![.\d])", re.IGNORECASE | re.ASCII)
_RATE = re.compile(r"\d*\.\d+|\d+", re.ASCII)
_WIDTH = re.compile(r"-(\d+|classes(?![a-z]))", re.IGNORECASE | re.ASCII)
_SETTING = re.compile(r"([a-z]?)(\d+)(?:[x×](\d+))?", re.IGNORECASE | re.ASCII)
_COUNT = re.compile(r"\s*[*×]\s*(\d*)", re.ASCII)
_SIGN = re.compile(r"\s*([+&])")
_SOFTMAX = re.compile(r"soft-?max(?![a-z])", re.IGNORECASE | re.ASCII)
_ANYTHING = re.compile(r"-?[\w.]+|.")


def parse(text: str) -> tuple[Layer, ...]:
    """Parse a spec into its layers, repetitions not expanded; raises a UsageError that points at the first mistake."""
    return Parser(text).spec()


def is_spec(text: str) -> bool:
    """Tell a spec from the name of a network.

    A spec is several words, or has a bracket, comma, star or comment, or is one word without an underscore
    that begins with a layer (`fc-10`, `conv3-64-relu`). Anything else is a name. Look for a file of that path
    first, since a path may have spaces.
    """
    text = text.strip()
    name = _NAME.match(text)
    begins = name is not None and name[0].lower() in FORMS and _AFTER_NAME.match(text, name.end())
    return bool((begins and "_" not in text) or re.search(r"[\s()\[\],*#]", text))


class Parser:
    """A recursive-descent parser of one text, with a method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def spec(self) -> tuple[Layer, ...]:
        """Read the whole text: at least one item, and nothing left over."""
        layers = self.items()
        if self.at < len(self.text):
            self.fail(f"This '{self.text[self.at]}' closes nothing.")
        if not layers:
            raise UsageError("The spec is empty. Write layers such as: conv3-64 relu maxpool2 fc-10")
        if size(layers) > MOST_LAYERS:
            raise UsageError(f"The spec has {size(layers):,} layers; {MOST_LAYERS:,} is the most.")
        return layers

    def items(self) -> tuple[Layer, ...]:
        """Read items up to a closing bracket or the end."""
        layers: list[Layer] = []
        self.take(_SKIPPED)
        while self.at < len(self.text) and self.text[self.at] not in ")]":
            layers += self.item()
            self.take(_SKIPPED)
        return tuple(layers)

    def item(self) -> tuple[Layer, ...]:
        """Read a layer, a group or a block, and how often it is repeated."""
        start = self.at
        layers: tuple[Layer, ...]
        if self.text[start] == "(":
            layers = self.enclosed(")")
        elif self.text[start] == "[":
            layers = (self.block(),)
        else:
            layers = (self.layer(),)
        times = self.take(_COUNT)
        if times is None:
            return layers
        count = self.number(times[1], times.span(1), "number of repetitions", least=1) if times[1] else None
        if count is None:
            self.fail(
                "Expected how often to repeat, such as (conv3-64 relu)*2.", (times.start(), times.end())
            )
        return layers if count == 1 else (Repeat(layers, count, span=(start, self.at)),)

    def enclosed(self, closing: str) -> tuple[Layer, ...]:
        """Read from an opening bracket to its closing one."""
        start = self.at
        here = (start, start + 1)
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            self.fail(f"Brackets nest at most {DEEPEST_NESTING} deep.", here)
        self.at += 1
        layers = self.items()
        if self.at == len(self.text):
            self.fail(f"This '{self.text[start]}' is never closed: expected '{closing}'.", here)
        if self.text[self.at] != closing:
            self.fail(
                f"Expected '{closing}' to close the '{self.text[start]}', found '{self.text[self.at]}'."
            )
        self.at += 1
        self.depth -= 1
        if not layers:
            self.fail("There is nothing between these brackets.", (start, self.at))
        return layers

    def block(self) -> Block:
        """Read `[ … ]+` or `[ … ]&`."""
        start = self.at
        body = self.enclosed("]")
        sign = self.take(_SIGN)
        if sign is None:
            wanted = "Expected '+' (residual) or '&' (dense) after ']'; a plain group is written ( … )."
            self.fail(wanted, (start, self.at))
        return Block(body, dense=sign[1] == "&", span=(start, self.at))

    def layer(self) -> Layer:
        """Read one layer: its name, and what the name's form allows after it."""
        start = self.at
        name = self.name()
        form = FORMS[name]
        found: dict[str, Any] = {}
        if (given := self.size(name, form, start)) is not None:
            found[form.size_is] = given
        if (width := self.width(name, form, start)) is not None:
            found["width"] = width
        found |= self.settings(name, form)
        span = (start, self.at)
        rest = _ANYTHING.match(self.text, self.at)
        if rest and (rest[0][0].isalnum() or rest[0][0] in "._-") and not _SKIPPED.match(self.text, self.at):
            self.fail(f"Expected a space after '{self.text[slice(*span)]}', found '{rest[0]}'.", rest.span())
        return made(name, found, span)

    def name(self) -> str:
        """Read the name of a layer, in lower case."""
        match = self.take(_NAME)
        if match is None:
            self.fail_at_no_layer()
        name = match[0].lower()
        if softmax := _SOFTMAX.match(self.text, match.start()):
            self.fail(NO_SOFTMAX, softmax.span())
        if name in ELSEWHERE:
            self.fail(f"Unknown layer '{name}'. Did you mean '{ELSEWHERE[name]}'?", match.span())
        if name not in FORMS:
            self.fail(str(unknown("layer", name, FORMS)), match.span())
        return name

    def size(self, name: str, form: Form, start: int) -> Pair | int | float | None:
        """Read the number after a name: a kernel (`3`, `1x7`), a count or a rate."""
        match = self.take(_RATE if form.size_is == "rate" else _NUMBER)
        if match is None:
            if form.size == "must":
                what = "kernel size" if form.size_is == "kernel" else "number of groups"
                self.fail(f"Expected a {what} after '{name}', such as {form.example}.", (start, self.at))
            return None
        if form.size == "no":
            self.fail(f"'{name}' has no size: write {form.example}.", match.span())
        if form.size_is == "rate":
            if name == "dropout" and float(match[0]) >= 1:
                self.fail("A dropout rate is below 1: dropout0.5 drops half.", match.span())
            return float(match[0])
        if form.size_is == "count":
            if match[2]:
                self.fail(f"'{name}' takes one number, such as {form.example}.", match.span())
            what = "number of groups" if name == "gn" else "number of maps"
            return self.number(match[1], match.span(1), what, least=1)
        return self.pair(match, 1, "kernel size", least=1)

    def width(self, name: str, form: Form, start: int) -> Width | None:
        """Read `-64` or `-classes`."""
        what = "outputs" if name == "fc" else "filters"
        match = self.take(_WIDTH)
        if match is None:
            if form.width == "must":
                here = self.text[start : self.at]
                example = "fc-10" if name == "fc" else f"{here}-64"
                wanted = f"Expected the number of {what} after '{here}', such as {example}."
                self.fail(wanted, (start, self.at))
            return None
        if form.width == "no":
            self.fail(f"'{name}' has no number of filters: it keeps the channels it is given.", match.span())
        if match[1].lower() == "classes":
            return "classes"
        return self.number(match[1], match.span(1), f"number of {what}", least=1)

    def settings(self, name: str, form: Form) -> dict[str, Any]:
        """Read settings such as `/s2p1` or `/s2/p1`; a number without a letter (`/2`) is the stride."""
        found: dict[str, Any] = {}
        while self.text.startswith("/", self.at):
            self.at += 1
            match = self.take(_SETTING)
            known = ", ".join(SETTINGS[letter] for letter in form.settings)
            has = f"It has: {known}." if known else "It takes no settings."
            if match is None:
                self.fail(f"Expected a setting of '{name}' after '/'. {has}")
            while match:
                letter = match[1].lower() or "s"
                if letter not in form.settings:
                    self.fail(f"'{name}' has no setting '{match[1] or match[0]}'. {has}", match.span())
                if letter in found:
                    self.fail(f"'{letter}' is set twice.", match.span())
                found[letter] = self.setting(letter, match)
                match = self.take(_SETTING)
        return found

    def setting(self, letter: str, match: re.Match[str]) -> Pair | int | bool:
        """Return the value of one setting, checked for its range."""
        what = SETTINGS[letter][3:-1]
        if letter in "spd":
            return self.pair(match, 2, what, least=0 if letter == "p" else 1)
        if match[3]:
            self.fail(f"'{letter}' takes one number.", match.span())
        if letter == "g":
            return self.number(match[2], match.span(2), "number of groups", least=1)
        if match[2] not in ("0", "1"):
            self.fail(f"'{letter}' is 0 (off) or 1 (on).", match.span())
        return match[2] == "1"

    def pair(self, match: re.Match[str], group: int, what: str, least: int) -> Pair:
        """Return the one number or two (`1x7`, rows by columns) of a match."""
        first = self.number(match[group], match.span(group), what, least)
        if match[group + 1] is None:
            return first, first
        return first, self.number(match[group + 1], match.span(group + 1), what, least)

    def number(self, digits: str, span: Span, what: str, least: int) -> int:
        """Return a whole number from `least` to LARGEST_NUMBER."""
        if len(digits) > len(str(LARGEST_NUMBER)) or not least <= int(digits) <= LARGEST_NUMBER:
            self.fail(f"The {what} is {least} to {LARGEST_NUMBER:,}, not {digits[:12]}.", span)
        return int(digits)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match `pattern` at the current position and move past it; None where it does not match."""
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def fail_at_no_layer(self) -> NoReturn:
        """Raise the error for text that begins no layer, with what may have been meant."""
        match = _ANYTHING.match(self.text, self.at)
        found, span = (match[0], match.span()) if match else ("", (self.at, self.at + 1))
        meant = ""
        if found in ("+", "&"):
            meant = f" It closes a block: [ … ]{found}"
        elif found[0].isdigit() or found[0] == "-":
            meant = " A number belongs to its layer, without a space: conv3-64, fc-10."
        elif found in ("*", "×"):
            meant = " It repeats what stands before it: (conv3-64 relu)*2"
        self.fail(f"Expected a layer, '(' or '[', found '{found}'.{meant}", span)

    def fail(self, message: str, span: Span | None = None) -> NoReturn:
        """Raise the error with carets under `span`, or under the next character."""
        raise pointed(self.text, span or (self.at, self.at + 1), message)


def made(name: str, found: dict[str, Any], span: Span) -> Layer:
    """Return the layer with a name and the size, width and settings that were read after it."""
    match name:
        case "conv" | "dwconv" | "tconv":
            return Conv(
                name,
                found["kernel"],
                found.get("width"),
                stride=found.get("s", (1, 1)),
                padding=found.get("p"),
                dilation=found.get("d", (1, 1)),
                groups=found.get("g", 1),
                bias=found.get("b", True),
                span=span,
            )
        case "maxpool" | "avgpool":
            kernel = found.get("kernel", (2, 2))
            padding, ceil = found.get("p", (0, 0)), found.get("c", False)
            return Pool(name, kernel, stride=found.get("s"), padding=padding, ceil=ceil, span=span)
        case "fc":
            return Linear(found["width"], bias=found.get("b", True), span=span)
        case "bn" | "gn" | "lrn":
            return Norm(name, found.get("count"), span=span)
        case "dropout":
            return Dropout(found.get("rate", 0.5), span=span)
        case "gap" | "flatten":
            return Reshape(name, span=span)
        case _:
            return Activation(name, found.get("rate"), span=span)
