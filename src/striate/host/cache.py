"""The cache folder: everything in it can be made or fetched again, and is safe to delete."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from striate.host.durable import write_file


def cache_folder() -> Path:
    """Return the absolute path of the cache: $STRIATE_CACHE, else $XDG_CACHE_HOME/striate, else ~/.cache/striate.

    The folder may not exist yet. A relative $XDG_CACHE_HOME is ignored, as the XDG Base Directory Specification
    asks.
    """
    if own := os.environ.get("STRIATE_CACHE"):
        return Path(own).expanduser().absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "striate"


class Measurements:
    """Measured JSON values in one file of the cache folder, each under a key that names all it depends on.

    A file that is missing or not valid JSON counts as empty; a failure to write it is ignored.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def find(self, key: str) -> Any:
        """Return the value kept under `key`, or None."""
        return self._all().get(key)

    def keep(self, key: str, value: Any) -> None:
        """Store a value under `key`."""
        content = json.dumps({**self._all(), key: value}, indent=1, ensure_ascii=False)
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self._path, content.encode())

    @property
    def _path(self) -> Path:
        return cache_folder() / self._name

    def _all(self) -> Mapping[str, Any]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}
