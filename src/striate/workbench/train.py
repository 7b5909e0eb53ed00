"""`train` and `resume`: prepare a run or read one back, train on every rank, write the result and the report."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from striate.data.loader import Loader, Share
from striate.errors import Interrupted, command
from striate.host.durable import storage_errors
from striate.host.memory import keep_freed_memory_of_ours
from striate.learning.dropout import set_dropout
from striate.nets.catalog.catalog import CATALOG
from striate.nets.weights.pretrained import start_from
from striate.preparing.fitness import refuse_ranks
from striate.preparing.forecast import prepare_in_time
from striate.preparing.prepare import reread
from striate.preparing.prepared import Prepared
from striate.preparing.settings import Settings
from striate.progress import Progress, Silent
from striate.report.held_out import Scored
from striate.report.report import write_report
from striate.runs.folder.checkpoint import has_checkpoint
from striate.runs.folder.lock import only_writer
from striate.runs.folder.record import EVENTS, load_events
from striate.runs.folder.result import has_result, save_result
from striate.runs.run import Run, open_run
from striate.sources.source import Source
from striate.training.job import Job
from striate.training.loop import fit
from striate.training.ranks.ranks import Ranks, joined
from striate.workbench.folder import dated_folder, named_folder, refuse_taken, write_facts
from striate.workbench.handover import (
    hand_over_code,
    tell_facts,
    tell_finished,
    tell_trained,
    told_facts,
    told_finished,
)


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
    which `resume` must then be given again. What `settings` leave open is chosen from the data. The run folder is
    `out`, which must be new or empty, or runs/<date>-<net>-<data>. Raises UsageError, DataError, StorageError,
    DivergedError, LaunchError or Interrupted.
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
    keep_freed_memory_of_ours()
    if out is not None:
        refuse_taken(Path(out))
    if settings.tensorboard:
        load_events()
    prepared = prepare_in_time(data, settings, progress, device=ranks.device)
    refuse_ranks(prepared, ranks)
    folder = named_folder(Path(out)) if out is not None else dated_folder(prepared)
    with only_writer(folder):
        refuse_taken(folder)
        write_facts(folder, prepared)
        if settings.tensorboard:
            (folder / EVENTS).mkdir(exist_ok=True)
        return _lead(folder, prepared, progress, ranks)


def _go_on(run: Run, data: str | Path | Source | None, progress: Progress, ranks: Ranks) -> Run:
    """Read the pictures of a run again and train to its end, if it has not been."""
    keep_freed_memory_of_ours()
    with only_writer(run.folder):
        if has_result(run.folder) and data is None:
            progress.say(f"{run.folder}: already trained to its end")
            if not (run.folder / "report.html").exists():
                write_report(run, progress=progress)
            tell_trained(ranks)
            tell_finished(run.folder, ranks)
            return run
        prepared = reread(run, data, progress)
        refuse_ranks(prepared, ranks)
        if prepared.recipe != run.recipe:
            with storage_errors(run.folder, "try again."):
                prepared.recipe.save(run.folder / "recipe.toml")
        return _lead(run.folder, prepared, progress, ranks)


def _lead(folder: Path, prepared: Prepared, progress: Progress, ranks: Ranks) -> Run:
    """Train as rank 0, which alone writes the run folder."""
    tell_facts(folder, ranks)
    hand_over_code(folder, prepared.recipe.net, ranks)
    run = _finish(folder, prepared, progress, ranks)
    tell_finished(folder, ranks)
    return run


def _follow(data: str | Path | Source | None, ranks: Ranks, *, pack: bool = True) -> Run:
    """Train as one of the other ranks, by what rank 0 sends, and return the finished run.

    Where its folder cannot be seen from this machine, the run returned has a recipe, but none of its files.
    """
    keep_freed_memory_of_ours()
    with TemporaryDirectory(prefix="striate-") as copy:
        if not told_facts(Path(copy), ranks):
            return open_run(told_finished(ranks))
        followed = open_run(copy)
        hand_over_code(Path(copy), followed.recipe.net, ranks)
        prepared = reread(followed, data, Silent(), pack=pack)
        run = _finish(Path(copy), prepared, Silent(), ranks)
    folder = told_finished(ranks)
    return open_run(folder) if folder.is_dir() else run


def _finish(folder: Path, prepared: Prepared, progress: Progress, ranks: Ranks) -> Run:
    """Train to the end, write model/ and the report as rank 0, and return the run."""
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
        head=prepared.blueprint.head_parameters,
    )
    try:
        model = prepared.blueprint.make(seed=recipe.seed)
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
