"""The result of a race: the losses, times and scores of each optimizer, as text, JSON and a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from striate.display.chart import Stroke, colour, dash, draw, smooth, svg_url
from striate.display.page import page_template
from striate.runs.folder.recipe import Plan
from striate.sources.targets.task_name import TaskName
from striate.tasks.task import Metric
from striate.tasks.words import WORDS


@dataclass
class Lane:
    """One optimizer in a race.

    `losses`: the loss before each step. `seconds`: the time its steps have taken, up to and with each step.
    `loss`, `score`: on the held-out pictures at the end; None where there are none, or it diverged.
    """

    name: str
    plan: Plan
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    diverged: bool = False
    loss: float | None = None
    score: float | None = None

    @property
    def step_ms(self) -> float:
        """The milliseconds of a step, as the median, which a pause of the machine does not change."""
        each = [after - before for before, after in pairwise((0.0, *self.seconds))]
        return 1000 * median(each) if each else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        hyper = {name: getattr(self.plan, name) for name in ("optimizer", "lr", "momentum", "weight_decay")}
        return {
            "name": self.name,
            **hyper,
            **{k: v for k, v in vars(self).items() if k not in ("name", "plan")},
        }


@dataclass(frozen=True)
class Race:
    """The result of a race. `split` is the one the lanes were scored on, empty where no picture is held out."""

    data: str
    net: str
    task: TaskName
    seed: int
    steps: int
    batch: int
    schedule: str
    split: str
    metric: Metric
    lanes: Sequence[Lane]

    def ranking(self) -> list[Lane]:
        """Return the lanes, the lowest held-out loss first (without held-out pictures, the last training losses)."""

        def place(lane: Lane) -> tuple[bool, float]:
            last = lane.losses[-10:]
            return lane.diverged, sum(last) / max(1, len(last)) if lane.loss is None else lane.loss

        return sorted(self.lanes, key=place)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        own = {name: value for name, value in vars(self).items() if name not in ("metric", "lanes")}
        return {**own, "metric": self.metric.key, "lanes": [lane.to_dict() for lane in self.lanes]}

    def html(self) -> str:
        """Return a page, in English and Korean: loss against steps and against seconds, and where each ended."""
        numbered = {lane.name: number for number, lane in enumerate(self.lanes)}
        drawn = {
            kind: svg_url(draw([_stroke(lane, numbered[lane.name], kind) for lane in self.lanes]))
            for kind in ("step", "second")
        }
        rows = [(lane, colour(numbered[lane.name])) for lane in self.ranking()]
        template = page_template("striate.trials", "race.html")
        return template.render(race=self, drawn=drawn, score=WORDS[self.task].metric, rows=rows)

    def lines(self) -> list[str]:
        """Return the ranking as a table of text."""
        ranked = self.ranking()
        wide = max(len(lane.name) for lane in ranked)
        head = f"{'':{wide}}  {'rate':>9}  {self.split + ' loss':>10}  {self.metric.name:>10}  {'ms/step':>8}"
        return [head] + [
            f"{lane.name:{wide}}  {lane.plan.lr:9.4g}  "
            + (
                f"diverged at step {len(lane.losses) + 1}"
                if lane.diverged
                else f"{_number(lane.loss):>10}  {self.metric.text(lane.score):>10}  {lane.step_ms:8.1f}"
            )
            for lane in ranked
        ]


def _stroke(lane: Lane, number: int, kind: str) -> Stroke:
    x = lane.seconds if kind == "second" else range(len(lane.losses))
    return Stroke(
        lane.name, x, smooth(lane.losses), colour=colour(number), dash=dash(number), ended=lane.diverged
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
