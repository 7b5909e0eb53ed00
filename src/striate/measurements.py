"""What was measured on this machine, kept in the cache folder, so that it is measured once."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from striate.cache import cache_folder
from striate.durable import write_file


class Measurements:
    """JSON values by a text that says what they depend on. A file that is broken, or cannot be written, is none."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find(self, key: str) -> Any:
        """Return what was measured, or None."""
        return self._all().get(key)

    def keep(self, key: str, value: Any) -> None:
        """Remember what was measured."""
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
