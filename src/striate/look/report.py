"""report.html: one self-contained page on a run, in English and Korean."""

import base64
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from striate.data.progress import Progress, Silent
from striate.errors import DataError, StorageError, command
from striate.look import curves
from striate.look.mistakes import Mistake, surest_mistakes
from striate.run import Run
from striate.tasks.scores import Scores
from striate.tracing.summary import Summary, summary

MISTAKES_SHOWN = 24
# A confusion matrix with more classes than this is shown as its most frequent confusions.
MATRIX_CLASSES = 30
CONFUSIONS_SHOWN = 40


def write_report(run: Run, *, progress: Progress | None = None) -> Path:
    """Write report.html into a run folder and return its path.

    Pictures and confusions need the held-out data; where they are gone, the page says so. Raises StorageError where
    the disk is full.
    """
    page = render(run, progress=progress or Silent())
    path = run.folder / "report.html"
    aside = path.with_name(path.name + ".tmp")
    try:
        aside.write_text(page, encoding="utf-8", errors="backslashreplace")  # a file's name may not be UTF-8
        os.replace(aside, path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise StorageError(
            f"{path}: cannot be written ({error.strerror}). The run itself is whole. "
            f"When it can be written, run: {command('report', run.folder)}"
        ) from error
    return path


def render(run: Run, *, progress: Progress) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("striate.look"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["percent"] = percent
    network = summary(run.model, (run.preprocess.channels, *run.preprocess.size), name=run.recipe.net)
    return environment.get_template("report.html").render(
        run=run,
        result=run.summary()["result"],
        curves=_curves(run),
        colours=curves.COLOURS,
        held_out=_held_out(run, progress),
        network=network,
        drawing=Markup(_svg_image(network)),
        recipe=_flat(asdict(run.recipe)),
        environment=_flat(run.environment),
    )


def percent(share: float | None) -> str:
    """Return a share as a percentage with one decimal, or a dash."""
    return "–" if share is None else f"{100 * share:.1f}\u00a0%"


def _curves(run: Run) -> dict[str, str]:
    """Return the loss and accuracy curves as data URLs."""
    metrics = run.metrics
    watched = next((s for s in ("val", "test") if any(f"{s}_loss" in line for line in metrics)), None)
    drawn = {
        "loss": curves.draw(curves.loss_lines(metrics, split=watched)),
        "accuracy": curves.draw(curves.accuracy_lines(metrics, split=watched)),
    }
    return {name: _svg_url(svg) for name, svg in drawn.items()} | {"watched": watched or ""}


def _held_out(run: Run, progress: Progress) -> dict[str, Any] | str:
    """Return what the held-out pictures show, or the reason there is nothing to show."""
    if not {"val", "test"} & run.manifest.splits.keys():
        return "the run held no pictures out"
    try:
        store = run.load(progress=progress)
        scores = run.score(store)
    except DataError as error:
        return str(error)
    mistakes: list[Mistake] = surest_mistakes(scores, store, run.classes, count=MISTAKES_SHOWN)
    return {
        "images": len(store),
        "rows": scores.per_class(run.classes),
        "matrix": _matrix(scores) if len(run.classes) <= MATRIX_CLASSES else None,
        "confusions": _confusions(scores, run.classes),
        "mistakes": mistakes,
    }


def _matrix(scores: Scores) -> list[list[tuple[int, float]]]:
    """Return each cell's count and its share of its row."""
    rows = scores.confusion.tolist()
    return [[(count, count / max(1, sum(row))) for count in row] for row in rows]


def _confusions(scores: Scores, classes: tuple[str, ...]) -> list[tuple[str, str, int]]:
    """Return the most frequent (truth, answer, count) off the diagonal."""
    counts = scores.confusion
    counts.fill_diagonal_(0)
    best = counts.flatten().sort(descending=True, stable=True)
    pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
    found = [(classes[i // len(classes)], classes[i % len(classes)], n) for n, i in pairs if n > 0]
    return found[:CONFUSIONS_SHOWN]


def _svg_url(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _svg_image(network: Summary) -> str:
    return f'<img class="drawing" alt="" src="{_svg_url(network.svg())}">'


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as (dotted name, text)."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((prefix + name, text))
    return rows
