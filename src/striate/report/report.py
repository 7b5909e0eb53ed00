"""report.html: one self-contained page on a run, in English and Korean."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from striate.display.chart import CURVE_COLOURS, svg_url
from striate.display.page import page_template
from striate.errors import StorageError, command
from striate.host.durable import write_file
from striate.progress import Progress, Silent
from striate.report import curves
from striate.report.held_out import Scored, held_out
from striate.report.panels import PANELS
from striate.runs.run import Run
from striate.tasks.words import WORDS
from striate.tracing.summary import Summary, summary


def write_report(run: Run, *, known: Scored | None = None, progress: Progress | None = None) -> Path:
    """Write report.html into a run folder and return its path.

    Pictures and confusions need the held-out data, scored anew where they are not `known`; where they are gone, the
    page says so. Raises StorageError where the disk is full.
    """
    progress = progress or Silent()
    if run.unfinished:
        progress.say(run.unfinished)
    page = render(run, known=known, progress=progress)
    path = run.folder / "report.html"
    try:
        write_file(path, page.encode(errors="backslashreplace"))  # a file's name may not be UTF-8
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be written ({error.strerror}). The run itself is whole. "
            f"When it can be written, run: {command('report', run.folder)}"
        ) from error
    return path


def render(run: Run, *, known: Scored | None = None, progress: Progress) -> str:
    """Return the page."""
    result, words = run.summary()["result"], WORDS[run.recipe.task]
    shown = percent if run.task.metric.share else number
    network = summary(run.fresh_model, run.preprocess.input, name=run.recipe.net)
    template = page_template("striate.report", "report.html", filters={"percent": percent, "number": number})
    return template.render(
        run=run,
        result=result,
        headline=[(*both, shown(result[name])) for name, both in words.headlines] if result else [],
        words=words,
        panel=PANELS[run.task.panel].template,
        curves=_curves(run),
        colours=CURVE_COLOURS,
        held_out=held_out(run, known, progress=progress),
        network=network,
        drawing=Markup(_svg_image(network)),
        recipe=_flat(run.recipe.to_dict()),
        environment=_flat(run.environment),
    )


def percent(share: float | None) -> str:
    """Return a share as a percentage with one decimal, or a dash."""
    return "–" if share is None else f"{100 * share:.1f}\u00a0%"


def number(value: float | None) -> str:
    """Return a number with four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"


def _curves(run: Run) -> dict[str, str]:
    """Return the curves of the loss and of the task's metric as data URLs."""
    metrics = run.metrics
    watched = next((s for s in ("val", "test") if any(f"{s}_loss" in line for line in metrics)), None)
    drawn = {
        "loss": curves.draw(curves.loss_lines(metrics, split=watched)),
        "score": curves.draw(curves.score_lines(metrics, run.task.metric, split=watched)),
    }
    return {name: svg_url(svg) for name, svg in drawn.items()} | {"watched": watched or ""}


def _svg_image(network: Summary) -> str:
    return f'<img class="drawing" alt="" src="{svg_url(network.svg())}">'


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
