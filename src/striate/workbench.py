"""What the command line and `import striate` do: train a network on a folder of pictures, and go on with a run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

from striate.data.pictures import Source
from striate.data.place import short_name
from striate.data.progress import Progress, Silent
from striate.durable import storage_errors, write_file
from striate.errors import Interrupted, StorageError, UsageError, command
from striate.heap import keep_freed_memory
from striate.look.report import write_report
from striate.nets.catalog import CATALOG
from striate.nets.pretrained import start_from
from striate.preparation import Prepared, prepare, reread
from striate.run import Run, open_run
from striate.training.checkpoint import has_checkpoint
from striate.training.choice import Settings
from striate.training.environment import environment
from striate.training.guard import LOCK, only_writer
from striate.training.loop import Job, fit
from striate.training.result import has_result, save_result

# The most characters of a data set's name that go into the name of its run folder.
NAME_LENGTH = 60


def train(
    data: str | Path | Source,
    *,
    net: str | None = None,
    epochs: int | None = None,
    settings: Settings | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a network on a data set and return the finished run.

    `data` is a folder of class folders, any other form of docs/data.md, or 'fashion'; or a Source made in Python,
    which resuming the run takes too. What `settings` leave open is chosen from the data. The run folder is `out`,
    which must be new or empty, or runs/<date>-<net>-<data>. Raises UsageError, DataError, StorageError,
    DivergedError or Interrupted.
    """
    settings = settings or Settings()
    settings = replace(
        settings, net=net or settings.net, epochs=epochs if epochs is not None else settings.epochs
    )
    progress = progress or Silent()
    keep_freed_memory()
    if out is not None:
        _refuse_taken(Path(out))
    prepared = prepare(data, settings, progress)
    folder = _named_folder(Path(out)) if out is not None else _dated_folder(prepared)
    with only_writer(folder):
        _refuse_taken(folder)
        _write_facts(folder, prepared)
        return _finish(folder, prepared, progress)


def resume(
    folder: str | Path, *, data: str | Path | Source | None = None, progress: Progress | None = None
) -> Run:
    """Go on with a run from its last checkpoint, bit for bit as if it had not stopped, and return it finished.

    A run that was trained to its end is returned as it is. `data` says where the data set is now, if it has moved;
    the run remembers it. Raises DataError where its pictures have changed.
    """
    progress = progress or Silent()
    keep_freed_memory()
    run = open_run(folder)
    with only_writer(run.folder):
        if has_result(run.folder) and data is None:
            progress.say(f"{run.folder}: already trained to its end")
            if not (run.folder / "report.html").exists():
                write_report(run, progress=progress)
            return run
        prepared = reread(run, data, progress)
        if prepared.recipe != run.recipe:
            with storage_errors(run.folder, "try again."):
                prepared.recipe.save(run.folder / "recipe.toml")
        return _finish(run.folder, prepared, progress)


def _refuse_taken(folder: Path) -> None:
    """Raise UsageError where a folder holds anything, or is a file."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: a file. Give another --out.")
    found = {path.name for path in folder.iterdir()} - {LOCK}
    if "recipe.toml" in found:
        raise UsageError(
            f"{folder}: already a run. Give another --out, or go on with it: {command('resume', folder)}"
        )
    if found:
        raise UsageError(f"{folder}: not empty. Give another --out.")


def _named_folder(folder: Path) -> Path:
    with _new_folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _dated_folder(prepared: Prepared) -> Path:
    """Make runs/<date>-<net>-<data>, with a number after it where that is taken."""
    recipe = prepared.recipe
    net = recipe.net if recipe.net in CATALOG else "spec"
    stem = f"{date.today():%Y-%m-%d}-{net}-{short_name(recipe.data)[:NAME_LENGTH]}"
    for number in count(1):
        folder = Path("runs", stem if number == 1 else f"{stem}-{number}")
        with _new_folder_errors(folder):
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
        return folder
    raise AssertionError("count() does not end")


@contextmanager
def _new_folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be made ({error.strerror}). Say where the run shall be: --out FOLDER"
        ) from error


def _write_facts(folder: Path, prepared: Prepared) -> None:
    """Write what is known before the first step: classes, data, environment and, last, the recipe."""
    names = {str(i): name for i, name in enumerate(prepared.classes)}
    env = environment(seed=prepared.recipe.seed)
    try:
        with storage_errors(folder, "train again; nothing was trained yet."):
            write_file(folder / "classes.json", json.dumps(names, ensure_ascii=False, indent=1).encode())
            write_file(folder / "env.json", json.dumps(env, indent=1).encode())
            prepared.manifest.save(folder / "data.json")
            prepared.recipe.save(folder / "recipe.toml")
    except StorageError:
        for path in folder.iterdir():  # all of it was written here, and the folder may be asked for again
            path.unlink()
        raise


def _finish(folder: Path, prepared: Prepared, progress: Progress) -> Run:
    """Train to the end, write model/ and the report, and return the run."""
    run, recipe = open_run(folder, data=prepared.source), prepared.recipe
    held_out = [
        split for split in ("val", "test") if split in prepared.stores and len(prepared.stores[split])
    ]
    job = Job(
        recipe=recipe,
        task=prepared.task,
        train=prepared.loader("train"),
        watched=(held_out[0], prepared.loader(held_out[0])) if held_out else None,
        final=(held_out[-1], prepared.loader(held_out[-1])) if held_out else None,
        folder=folder,
        progress=progress,
        rule=CATALOG[recipe.net].rule if recipe.net in CATALOG else None,
    )
    try:
        model = run.fresh_model()
        if recipe.weights and not has_checkpoint(folder / "checkpoints"):
            progress.say(str(start_from(model, recipe.net, recipe.weights)))
        fit(model, job)
        save_result(folder, model, recipe, prepared.classes)
        write_report(run, progress=progress)
    except KeyboardInterrupt as error:
        raise Interrupted(f"stopped at once. Go on with: {command('resume', folder)}") from error
    return run
