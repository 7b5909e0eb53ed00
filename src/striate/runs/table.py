"""Tables of runs as CSV files: metrics.jsonl stays the one place where numbers are kept."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.host.durable import storage_errors, write_file


def write_csv(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV (RFC 4180, UTF-8) with a heading of every name that a row has; what is not known is empty.

    Lists stand as JSON. Raises StorageError where the file cannot be written.
    """
    out = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    with storage_errors(Path(path), "try again."):
        write_file(Path(path), out.getvalue().encode("utf-8", "backslashreplace"))


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
