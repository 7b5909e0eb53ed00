"""The cache folder: everything in it can be made or fetched again, and is safe to delete."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the absolute path of the cache: $STRIATE_CACHE, else $XDG_CACHE_HOME/striate, else ~/.cache/striate.

    The folder may not exist yet. A relative $XDG_CACHE_HOME is ignored, as the XDG Base Directory Specification
    asks.
    """
    if own := os.environ.get("STRIATE_CACHE"):
        return Path(own).expanduser().absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "striate"
