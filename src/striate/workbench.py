"""What the command line and `import striate` do: train a network on a folder of pictures, and go on with a run."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from striate.data.loader import Loader, Share
from striate.errors import Interrupted, StorageError, UsageError, command
from striate.forecast import prepare_in_time
from striate.host.durable import storage_errors, write_file, write_folder
from striate.host.heap import keep_freed_memory
from striate.host.memory import fewest_at_once
from striate.learning.dropout import set_dropout
from striate.look.held_out import Scored
from striate.look.report import write_report
from striate.nets.blueprint import make_network
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import FOLDER as CODE
from striate.nets.own_code import is_kept, kept_files
from striate.nets.own_code import short_name as class_name
from striate.nets.weights.pretrained import start_from
from striate.preparation import Prepared, reread
from striate.progress import Progress, Silent
from striate.run import Run, open_run
from striate.sources.place import short_name
from striate.sources.source import Source
from striate.training.checkpoint import has_checkpoint
from striate.training.choice import Settings
from striate.training.environment import environment
from striate.training.guard import LOCK, only_writer
from striate.training.handover import (
    hand_over_code,
    tell_facts,
    tell_finished,
    tell_trained,
    told_facts,
    told_finished,
)
from striate.training.job import Job
from striate.training.loop import fit
from striate.training.ranks import Ranks, joined
from striate.training.record import EVENTS, load_events
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
    with joined(settings.device) as ranks:
        if not ranks.first:
            return _follow(data, ranks, pack=settings.pack)
        return _begin(data, settings, out, progress or Silent(), ranks)


def resume(
    folder: str | Path,
    *,
    data: str | Path | Source | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Run:
    """Go on with a run from its last checkpoint, bit for bit as if it had not stopped, and return it finished.

    A run that was trained to its end is returned as it is. `data` says where the data set is now, if it has moved;
    the run remembers it. Raises DataError where its pictures have changed.
    """
    with joined(device) as ranks:
        if not ranks.first:
            return _follow(data, ranks)
        return _go_on(open_run(folder), data, progress or Silent(), ranks)


def _begin(
    data: str | Path | Source, settings: Settings, out: str | Path | None, progress: Progress, ranks: Ranks
) -> Run:
    """Choose what is open, make the run folder, and train."""
    keep_freed_memory()
    if out is not None:
        _refuse_taken(Path(out))
    if settings.tensorboard:
        load_events()
    prepared = prepare_in_time(data, settings, progress, device=ranks.device)
    _refuse_ranks(prepared, ranks)
    folder = _named_folder(Path(out)) if out is not None else _dated_folder(prepared)
    with only_writer(folder):
        _refuse_taken(folder)
        _write_facts(folder, prepared)
        if settings.tensorboard:
            (folder / EVENTS).mkdir(exist_ok=True)
        return _lead(folder, prepared, progress, ranks)


def _go_on(run: Run, data: str | Path | Source | None, progress: Progress, ranks: Ranks) -> Run:
    """Read the pictures of a run again and train to its end, if it has not been."""
    keep_freed_memory()
    with only_writer(run.folder):
        if has_result(run.folder) and data is None:
            progress.say(f"{run.folder}: already trained to its end")
            if not (run.folder / "report.html").exists():
                write_report(run, progress=progress)
            tell_trained(ranks)
            tell_finished(run.folder, ranks)
            return run
        prepared = reread(run, data, progress)
        _refuse_ranks(prepared, ranks)
        if prepared.recipe != run.recipe:
            with storage_errors(run.folder, "try again."):
                prepared.recipe.save(run.folder / "recipe.toml")
        return _lead(run.folder, prepared, progress, ranks)


def _lead(folder: Path, prepared: Prepared, progress: Progress, ranks: Ranks) -> Run:
    """Train as the first of the ranks, which alone writes."""
    tell_facts(folder, ranks)
    hand_over_code(folder, prepared.recipe.net, ranks)
    run = _finish(folder, prepared, progress, ranks)
    tell_finished(folder, ranks)
    return run


def _follow(data: str | Path | Source | None, ranks: Ranks, *, pack: bool = True) -> Run:
    """Train as one of the other ranks, by what the first tells, and return the finished run.

    Where its folder cannot be seen from this machine, the run returned has its recipe and no more.
    """
    keep_freed_memory()
    with TemporaryDirectory(prefix="striate-") as copy:
        if not told_facts(Path(copy), ranks):
            return open_run(told_finished(ranks))
        followed = open_run(copy)
        hand_over_code(Path(copy), followed.recipe.net, ranks)
        prepared = reread(followed, data, Silent(), pack=pack)
        run = _finish(Path(copy), prepared, Silent(), ranks)
    folder = told_finished(ranks)
    return open_run(folder) if folder.is_dir() else run


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


def _refuse_ranks(prepared: Prepared, ranks: Ranks) -> None:
    """Raise UsageError where a run cannot be trained by so many processes."""
    recipe, loader = prepared.recipe, prepared.loader("train")
    if ranks.size == 1:
        return
    if recipe.net in CATALOG and CATALOG[recipe.net].rule:
        raise UsageError(f"{recipe.net} learns by its own rule, in one process. Leave out --nproc.")
    shape = (recipe.preprocess.channels, *recipe.preprocess.size)
    model = make_network(recipe.net, num_classes=len(prepared.classes), input=shape)
    smallest, least = loader.count(loader.steps - 1), 1 if recipe.train.sync_bn else fewest_at_once(model)
    if smallest < least * ranks.size:
        raise UsageError(
            f"the smallest batch of an epoch has {smallest} pictures, and {ranks.size} processes need "
            f"{least} each. Give fewer --nproc, or another --batch than {loader.batch}."
        )


def _named_folder(folder: Path) -> Path:
    with _new_folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _dated_folder(prepared: Prepared) -> Path:
    """Make runs/<date>-<net>-<data>, with a number after it where that is taken."""
    recipe = prepared.recipe
    net = recipe.net if recipe.net in CATALOG else class_name(recipe.net) if is_kept(recipe.net) else "spec"
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
    """Write what is known before the first step: classes, data, environment, own code and, last, the recipe."""
    names = {str(i): name for i, name in enumerate(prepared.classes)}
    env = environment(seed=prepared.recipe.seed)
    try:
        with storage_errors(folder, "train again; nothing was trained yet."):
            write_file(folder / "classes.json", json.dumps(names, ensure_ascii=False, indent=1).encode())
            write_file(folder / "env.json", json.dumps(env, indent=1).encode())
            prepared.manifest.save(folder / "data.json")
            if is_kept(prepared.recipe.net):
                write_folder(folder / CODE, kept_files(prepared.recipe.net))
            prepared.recipe.save(folder / "recipe.toml")
    except StorageError:
        for path in folder.iterdir():  # all of it was written here, and the folder may be asked for again
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _finish(folder: Path, prepared: Prepared, progress: Progress, ranks: Ranks) -> Run:
    """Train to the end, write model/ and the report, and return the run."""
    run, recipe = open_run(folder, data=prepared.source), prepared.recipe
    held_out = [
        split for split in ("val", "test") if split in prepared.stores and len(prepared.stores[split])
    ]
    job = Job(
        recipe=recipe,
        task=prepared.task,
        train=_loader(prepared, "train", ranks),
        watched=(held_out[0], _loader(prepared, held_out[0], ranks)) if held_out else None,
        final=(held_out[-1], _loader(prepared, held_out[-1], ranks)) if held_out else None,
        folder=folder,
        progress=progress,
        rule=CATALOG[recipe.net].rule if recipe.net in CATALOG else None,
        ranks=ranks,
        head=prepared.head,
    )
    try:
        model = run.fresh_model()
        if ranks.first and recipe.weights and not has_checkpoint(folder / "checkpoints"):
            progress.say(str(start_from(model, recipe.net, recipe.weights)))
        set_dropout(model, recipe.train.dropout, name=recipe.net)
        ended = fit(model, job)
        if ranks.first:
            save_result(folder, model, recipe, prepared.classes, ended.calibration)
            known = Scored(prepared.stores[held_out[-1]], ended.scores) if ended.scores else None
            write_report(run, known=known, progress=progress)
    except KeyboardInterrupt as error:
        raise Interrupted(f"stopped at once. Go on with: {command('resume', folder)}") from error
    return run


def _loader(prepared: Prepared, split: str, ranks: Ranks) -> Loader:
    """Return the batches of a split, or this rank's share of them, for the device it computes on."""
    share = Share(ranks.rank, ranks.size)
    return replace(prepared.loader(split), share=share, device=ranks.device)
