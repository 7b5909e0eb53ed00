"""A cache of blocks of remote files, which evicts the least recently used block and prefetches the next one."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from striate.errors import StriateError

BLOCK_BYTES = 4 << 20
# Of all files and threads together, 64 MiB.
MOST_BLOCKS = 16
FETCHED_AT_ONCE = 8
# The most blocks that are remembered as read from once.
MOST_TOUCHED = 4096

# Fetches bytes [start, stop) of a file; raises StriateError once its retries have failed.
Fetch = Callable[[str, int, int], bytes]


class Blocks:
    """A bounded cache of blocks; threads that ask for one block at the same time share one fetch.

    A block is fetched whole if it is the first of a file, if something in it was read before, or if the block before it
    is cached; in the first and the last case the next block is prefetched. Any other read fetches its own bytes alone.
    Once a fetch has failed, every read raises its error, so that it is not retried for each of a million pictures.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._blocks: OrderedDict[tuple[str, int], Future[bytes]] = OrderedDict()
        self._touched: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="fetch")
        self._error: StriateError | None = None

    def read(self, place: str, size: int, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` of a file of `size` bytes, fewer where the file ends."""
        if self._error:
            raise self._error
        stop = min(offset + count, size)
        if stop <= offset:
            return b""
        first, last = offset // BLOCK_BYTES, (stop - 1) // BLOCK_BYTES
        if not self._is_run(place, first):
            return self._result(self._pool.submit(self._fetch, place, offset, stop))
        data = b"".join(self._block(place, size, number) for number in range(first, last + 1))
        begin = offset - first * BLOCK_BYTES
        return data[begin : begin + stop - offset]

    def _is_run(self, place: str, number: int) -> bool:
        """Say whether a block is worth fetching whole, as the class says; if not, remember that it was read from."""
        key = place, number
        with self._lock:
            known = number == 0 or key in self._touched or key in self._blocks
            if known or (place, number - 1) in self._blocks:
                return True
            self._touched[key] = None
            if len(self._touched) > MOST_TOUCHED:
                self._touched.popitem(last=False)
        return False

    def _block(self, place: str, size: int, number: int) -> bytes:
        with self._lock:
            in_order = number == 0 or (place, number - 1) in self._blocks
            block = self._asked(place, size, number)
            if in_order and (number + 1) * BLOCK_BYTES < size:
                self._asked(place, size, number + 1)
        return self._result(block)

    def _result(self, fetched: Future[bytes]) -> bytes:
        try:
            return fetched.result()
        except StriateError as error:
            self._error = error
            raise

    def _asked(self, place: str, size: int, number: int) -> Future[bytes]:
        """Return a block from the cache, or start to fetch it, evicting the least recently used one."""
        key = place, number
        if key not in self._blocks:
            start = number * BLOCK_BYTES
            self._blocks[key] = self._pool.submit(self._fetch, place, start, min(start + BLOCK_BYTES, size))
            if len(self._blocks) > MOST_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]
