"""Making a new run folder: its name, the files written before the first step, and the errors."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path

from striate.errors import StorageError, UsageError, command
from striate.host.durable import storage_errors, write_file, write_folder
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import FOLDER as CODE
from striate.nets.own_code import is_kept, kept_files
from striate.nets.own_code import short_name as class_name
from striate.preparing.prepared import Prepared
from striate.runs.folder.environment import environment
from striate.runs.folder.lock import LOCK
from striate.sources.place import short_name

# The most characters of a data set's name that go into the name of its run folder.
NAME_LENGTH = 60


def refuse_taken(folder: Path) -> None:
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


def named_folder(folder: Path) -> Path:
    """Make the folder that was asked for and return it."""
    with new_folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def dated_folder(prepared: Prepared) -> Path:
    """Make runs/<date>-<net>-<data>, with a number after it where that is taken."""
    recipe = prepared.recipe
    net = recipe.net if recipe.net in CATALOG else class_name(recipe.net) if is_kept(recipe.net) else "spec"
    stem = f"{date.today():%Y-%m-%d}-{net}-{short_name(recipe.data)[:NAME_LENGTH]}"
    for number in count(1):
        folder = Path("runs", stem if number == 1 else f"{stem}-{number}")
        with new_folder_errors(folder):
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
        return folder
    raise AssertionError("count() does not end")


@contextmanager
def new_folder_errors(folder: Path) -> Iterator[None]:
    """Turn the system's error for a folder that cannot be made into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{folder}: cannot be made ({error.strerror}). Say where the run shall be: --out FOLDER"
        ) from error


def write_facts(folder: Path, prepared: Prepared) -> None:
    """Write what is known before the first step: classes, data, environment, own code and, last, the recipe.

    Raises StorageError where that fails, and then leaves the folder empty.
    """
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
