"""Errors that point: the message, then the line of the spec it is about, with carets under the place."""

from unicodedata import east_asian_width

from striate.errors import UsageError
from striate.spec.tree import Span

WIDEST_LINE = 88


def pointed(text: str, span: Span, message: str) -> UsageError:
    """Return the error `message` with carets under `span` of `text`, cut to a line that fits a terminal."""
    start, end = span
    line_start = text.rfind("\n", 0, start) + 1
    line_start += len(text[line_start:start]) - len(text[line_start:start].lstrip())
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)].replace("\t", " ").rstrip()
    left = start - line_start
    right = max(left + 1, min(end - line_start, len(line)))
    line, left, right = _cut(line, left, right)
    number = f"line {text.count(chr(10), 0, start) + 1}: " if "\n" in text.strip() else ""
    carets = " " * (len(number) + _columns(line[:left])) + "^" * max(1, _columns(line[left:right]))
    return UsageError(f"{message}\n  {number}{line}\n  {carets}")


def _cut(line: str, left: int, right: int) -> tuple[str, int, int]:
    if len(line) <= WIDEST_LINE:
        return line, left, right
    first = max(0, min(left - WIDEST_LINE // 3, len(line) - WIDEST_LINE))
    last = first + WIDEST_LINE
    head, tail = "…" if first else "", "…" if last < len(line) else ""
    shift = first - len(head)
    return head + line[first:last] + tail, left - shift, min(right, last) - shift


def _columns(text: str) -> int:
    # A Korean or Chinese character fills two columns of a terminal.
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
