"""Making stores of a data set's pictures: in its pack, in memory, or decoding pictures each time they are needed."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.data.store.ledger import Ledger, inspect, ledger_path, open_ledgers, save_ledgers
from striate.data.store.pack import place_of_pack
from striate.data.store.store import Store, fill, fill_packed
from striate.errors import StorageError
from striate.host.cache import cache_folder
from striate.host.memory import memory
from striate.pictures.preprocess import Preprocess
from striate.progress import Progress, Silent
from striate.sources.source import Pictures

# The share of the machine's memory that decoded pictures may take; above it a pack is shuffled page by page.
MEMORY_SHARE = 0.5
# Decoded pictures that must fit in memory at once wherever the others are kept, for there to be a batch.
LEAST_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads the pictures of one data set; `data` identifies its packs and ledgers, `root` names it in messages.

    With `pack=False` files are decoded each time they are needed. The number of `threads` does not change the result.
    """

    data: str
    root: Path | str
    threads: int
    progress: Progress
    pack: bool = True

    def refuse_too_large(self, count: int, preprocess: Preprocess) -> None:
        """Raise StorageError where neither all pictures nor LEAST_AT_ONCE of them would fit in memory."""
        if count * preprocess.row_bytes > memory() < LEAST_AT_ONCE * preprocess.row_bytes:
            raise self._too_large(count, preprocess)

    def ledgers(self, splits: Mapping[str, Pictures]) -> dict[str, Ledger]:
        """Return each split's ledger, filled as far as the cache goes; {} if a split stores pixels instead of files."""
        files = {split: pictures for split, pictures in splits.items() if _are_files(pictures)}
        return (
            open_ledgers(files, ledger_path(cache_folder(), self.data)) if len(files) == len(splits) else {}
        )

    def keep(self, ledgers: Mapping[str, Ledger]) -> None:
        """Save ledgers in the cache, unless that fails, as on a full disk."""
        with suppress(OSError):
            save_ledgers(ledgers.values(), ledger_path(cache_folder(), self.data))

    def store(
        self, split: str, pictures: Pictures, preprocess: Preprocess, ledger: Ledger | None = None
    ) -> Store:
        """Return the store of a split; pictures that cannot be decoded are listed in its `bad`.

        Facts about all pictures are entered into `ledger`. Raises StorageError where pictures that are stored as pixels
        do not fit into half of the memory.
        """
        phase = f"reading {split}"
        self.progress.begin(phase, len(pictures))
        store = self._filled(phase, pictures, preprocess, ledger)
        if ledger is not None:  # facts about pictures that were in the pack already or cannot be read
            inspect(pictures, ledger, threads=self.threads, progress=Silent())
        self.progress.end()
        return store

    def _filled(self, phase: str, pictures: Pictures, preprocess: Preprocess, ledger: Ledger | None) -> Store:
        how: dict[str, Any] = {"threads": self.threads, "progress": self.progress, "ledger": ledger}
        fits = len(pictures) * preprocess.row_bytes <= MEMORY_SHARE * memory()
        if not _are_files(pictures):
            if not fits:
                raise self._too_large(len(pictures), preprocess)
            return fill(pictures, preprocess, **how)
        if not self.pack:
            return fill(pictures, preprocess, keep=False, **how)
        place = place_of_pack(
            cache_folder(), self.data, shape=preprocess.shape, dtype=preprocess.dtype, how=preprocess.how
        )
        try:
            return fill_packed(pictures, preprocess, place, **how)
        except StorageError as error:
            then = "into memory instead" if fits else "each time they are needed instead"
            self.progress.say(f"note: {error}; the pictures are decoded {then}")
            self.progress.begin(phase, len(pictures))  # anew, since some may have been counted
        return fill(pictures, preprocess, keep=fits, **how)

    def _too_large(self, count: int, preprocess: Preprocess) -> StorageError:
        height, width, channels = preprocess.shape
        return StorageError(
            f"{self.root}: {count:,} pictures of {channels}x{height}x{width} take "
            f"{count * preprocess.row_bytes / 1e9:.1f} GB of memory, and this machine has {memory() / 1e9:.1f} GB. "
            "Make them smaller: --size"
        )


def _are_files(pictures: Pictures) -> bool:
    """Say whether pictures are encoded files and not pixels, judged by the first one."""
    try:
        return len(pictures) > 0 and isinstance(pictures.read(0), bytes)
    except OSError:
        return True
