"""One page with the curves of several runs over each other, in English and Korean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from striate.display.chart import drawing, svg_url
from striate.display.page import page_template
from striate.host.durable import storage_errors, write_file
from striate.runs.history.facts import RunFacts, run_facts
from striate.runs.run import Run
from striate.tasks.words import WORDS

# Told apart also by people who see few colours (after Okabe and Ito 2008, darkened to be read on white), then dashed.
COLOURS = ("#0072b2", "#c2410c", "#00795a", "#8a3ffc", "#a8005c", "#5b6675", "#946c00", "#0b1f33")
DASHES = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True)
class Curve:
    """How a run is drawn, and its facts."""

    name: str
    colour: str
    dash: str
    facts: RunFacts


def write_page(path: str | Path, runs: Sequence[Run]) -> None:
    """Write the page; it needs no network. Raises StorageError where it cannot be written."""
    page = render(runs)
    with storage_errors(Path(path), "try again."):
        write_file(Path(path), page.encode("utf-8", "backslashreplace"))


def render(runs: Sequence[Run]) -> str:
    """Return the page: the loss of all runs, and for each kind of task their scores."""
    drawn = list(_curves(runs))
    tasks = dict.fromkeys(run.recipe.task for run in runs)
    losses = [(curve, _held_out(run, "loss", 1)) for curve, run in zip(drawn, runs, strict=True)]
    scores = {
        task: [
            (curve, _held_out(run, curve.facts.metric.key, 100 if curve.facts.metric.share else 1))
            for curve, run in zip(drawn, runs, strict=True)
            if run.recipe.task == task
        ]
        for task in tasks
    }
    return page_template("striate.runs.history", "runs.html").render(
        curves=drawn,
        loss=_drawing(losses),
        scores=[
            (*WORDS[task].curve, WORDS[task].curve_alt, _drawing(lines)) for task, lines in scores.items()
        ],
    )


def distinct_names(runs: Sequence[Run]) -> list[str]:
    """Return what to call runs: their folders' names, or the whole paths where two have one name."""
    names = [run.folder.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


def _curves(runs: Sequence[Run]) -> Iterator[Curve]:
    names = distinct_names(runs)
    for number, (name, colour, run) in enumerate(zip(names, cycle(COLOURS), runs, strict=False)):
        yield Curve(name, colour, DASHES[number // len(COLOURS) % len(DASHES)], run_facts(run))


def _held_out(run: Run, what: str, scale: float) -> tuple[list[int], list[float]]:
    """Return epochs and values of the watched split, or of the training pictures where none was watched."""
    epochs = [line for line in run.metrics if line.get("kind") == "epoch"]
    split = next((s for s in ("val", "test") if any(f"{s}_loss" in line for line in epochs)), "train")
    values = [line.get(f"{split}_{what}") for line in epochs]
    return [line["epoch"] for line in epochs], [float("nan") if v is None else scale * v for v in values]


def _drawing(lines: Sequence[tuple[Curve, tuple[list[int], list[float]]]]) -> str:
    """Return curves over epochs as the data URL of an SVG."""
    with drawing((5.6, 3.4)) as (axes, out):
        for curve, (x, y) in lines:
            marker = "o" if len(x) == 1 else ""
            axes.plot(x, y, color=curve.colour, linestyle=curve.dash, linewidth=1.8, marker=marker)
        axes.set_xlim(left=0)
    return svg_url(out.getvalue().decode())
