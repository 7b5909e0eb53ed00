"""`striate check`: inspects every picture of a data set, and audits the result."""

import os
from dataclasses import dataclass
from pathlib import Path

from striate.data.audit.audit import Audit, audit_gathered
from striate.data.audit.clean import Cleaned, write_clean
from striate.data.audit.inventory import Gathered
from striate.data.store.ledger import inspect, ledger_path, open_ledgers, save_ledgers
from striate.declared import at_least
from striate.errors import command
from striate.host.cache import cache_folder
from striate.host.durable import storage_errors
from striate.progress import Progress, Silent
from striate.sources.opening import open_source, place_of
from striate.sources.source import Source


@dataclass(frozen=True)
class Check:
    """A checked data set, and its audit."""

    data: Gathered
    audit: Audit

    def write_clean(self, path: str | Path) -> Cleaned:
        """Write the pictures fit for training as a table of files, labels and splits.

        Raises UsageError where the ending is not that of a table or the file must not be replaced, DataError where a
        table cannot hold the data set or no picture is left, StorageError where the file cannot be written.
        """
        with storage_errors(
            Path(path), f"run: {command('check', self.audit.root, '--write-manifest', path)}"
        ):
            return write_clean(self.data, Path(path))


def check(
    data: str | Path | Source, *, threads: int | None = None, progress: Progress | None = None
) -> Check:
    """Decode every picture of a data set whose facts are not in the cache yet, and return the audit.

    The facts are kept in the cache folder, so that unchanged files are not decoded again. Raises DataError where there
    is no data set, UsageError for `threads` under 1.
    """
    progress = progress or Silent()
    threads = (os.cpu_count() or 1) if threads is None else at_least("threads", threads, 1)
    source = open_source(data, progress=progress)
    path = ledger_path(cache_folder(), place_of(data))
    ledgers = open_ledgers(source.splits, path)
    for split, ledger in ledgers.items():
        progress.begin(f"checking {split}", len(ledger.missing))
        inspect(source.splits[split], ledger, threads=threads, progress=progress)
        progress.end()
    try:
        save_ledgers(ledgers.values(), path)
    except OSError as error:
        progress.say(f"note: {path} cannot be written ({error.strerror}), so the next check starts anew")
    gathered = Gathered(source, ledgers, progress)
    return Check(gathered, audit_gathered(gathered))
