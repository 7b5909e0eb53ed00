"""Receptive fields along one axis: which input pixels an output of a stack of windows reads.

Conventions, as in Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019, https://distill.pub/2019/computing-receptive-fields: pixels are numbered from 0; output `o`
reads the `size` pixels from `start + o * jump` on; with a negative `start`, output 0 begins in the padding.
The edge of the picture is not considered: a field may be larger than the picture.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Self

from striate.arithmetic.window import Window
from striate.errors import UsageError

# The first and the last pixel an output reads; None for an output that reads nothing.
Span = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of a layer's outputs along one input axis; `Field()` is that of the input itself.

    size: pixels from the first to the last that an output reads, the largest over all outputs and branches.
    jump: input pixels between two neighbouring outputs; a Fraction after a transposed window.
    start: the first pixel output 0 reads (or the next output that reads any).
    phases: only after a transposed window, where neighbouring outputs differ: the spans of one period.
    narrowest: the field along the narrowest branch alone, where branches were joined.
    """

    size: int = 1
    jump: int | Fraction = 1
    start: int = 0
    phases: tuple[Span, ...] = ()
    narrowest: Self | None = None

    def __post_init__(self) -> None:
        if not self.phases and self.jump != int(self.jump):
            raise UsageError(f"A jump of {self.jump} comes of through_transposed; it has phases.")

    @property
    def range(self) -> tuple[int, int]:
        """The smallest size of any output along the narrowest branch, and the largest size."""
        narrow = self.narrowest or self
        sizes = [span[1] - span[0] + 1 for span in narrow.phases if span]
        return min(sizes, default=narrow.size), self.size

    @property
    def centre(self) -> Fraction:
        """The middle of what output 0 reads, in pixels."""
        span = self.span(0)
        return Fraction(sum(span), 2) if span else Fraction(self.start)

    def span(self, output: int) -> Span:
        """Return the first and last pixel one output reads, or None where it reads nothing."""
        if not self.phases:
            first = self.start + output * int(self.jump)
            return first, first + self.size - 1
        turn, phase = divmod(output, len(self.phases))
        span, shift = self.phases[phase], turn * self._period
        return span and (span[0] + shift, span[1] + shift)

    def through(self, window: Window) -> "Field":
        """Return the field after a convolution or pooling window over this field's outputs."""
        narrowest = self.narrowest and self.narrowest.through(window)
        if not self.phases:
            jump = int(self.jump)
            size = self.size + (window.reach - 1) * jump
            return Field(size, jump * window.stride, self.start - window.before * jump, (), narrowest)
        period = len(self.phases) // gcd(len(self.phases), window.stride)
        spans = [_hull([self.span(tap) for tap in window.taps(place)]) for place in range(period)]
        return _periodic(spans, self.jump * window.stride, narrowest)

    def through_transposed(self, window: Window) -> "Field":
        """Return the field after a transposed window over this field's outputs.

        Output `o` reads the inputs `i` for which `o + before - i * stride` is a tap of the window.
        """
        narrowest = self.narrowest and self.narrowest.through_transposed(window)
        spans = []
        for output in range(window.stride * max(1, len(self.phases))):
            offsets = (output + window.before - tap * window.dilation for tap in range(window.kernel))
            spans.append(_hull([self.span(at // window.stride) for at in offsets if at % window.stride == 0]))
        return _periodic(spans, Fraction(self.jump) / window.stride, narrowest)

    def merge(self, *others: "Field") -> "Field":
        """Return the field of branches added or concatenated: the pixels that any of them reads.

        Raises UsageError where their jumps differ, since then their outputs do not lie over the same pixels.
        """
        fields = (self, *others)
        if len({field.jump for field in fields}) > 1:
            jumps = ", ".join(str(field.jump) for field in fields)
            raise UsageError(
                f"Branches of one map must move over the input at one pace; got jumps of {jumps}."
            )
        narrow = min((field.narrowest or field for field in fields), key=lambda field: field.range[0])
        period = lcm(*(max(1, len(field.phases)) for field in fields))
        spans = [_hull([field.span(output) for field in fields]) for output in range(period)]
        merged = _periodic(spans, Fraction(self.jump), narrow)
        same = (merged.size, merged.phases) == (narrow.size, narrow.phases)
        return Field(merged.size, merged.jump, merged.start, merged.phases, None if same else narrow)

    @property
    def _period(self) -> int:
        return int(self.jump * max(1, len(self.phases)))


def _hull(spans: list[Span]) -> Span:
    known = [span for span in spans if span]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


def _periodic(spans: list[Span], jump: int | Fraction, narrowest: Field | None) -> Field:
    """Return the field whose outputs read `spans` periodically, with the shortest period that describes it."""
    for period in range(1, len(spans) + 1):
        shift = jump * period
        if len(spans) % period == 0 and shift == int(shift) and _repeats(spans, period, int(shift)):
            break
    known = [span for span in spans if span]
    size, start = max((last - first + 1 for first, last in known), default=0), known[0][0] if known else 0
    pace = int(jump) if jump == int(jump) else jump
    phases = tuple(spans[:period]) if period > 1 or not known else ()
    return Field(size, pace, start, phases, narrowest)


def _repeats(spans: list[Span], period: int, shift: int) -> bool:
    return all(
        later == (span and (span[0] + shift, span[1] + shift))
        for span, later in zip(spans, spans[period:], strict=False)
    )
