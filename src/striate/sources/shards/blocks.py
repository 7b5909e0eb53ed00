"""Blocks of files that are far away: the last ones fetched are kept, and what will be wanted next is fetched ahead."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from striate.errors import StriateError

BLOCK_BYTES = 4 << 20
# Of all files and threads together: 64 MiB.
MOST_BLOCKS = 16
FETCHED_AT_ONCE = 8
# Blocks of which it is remembered that something was read.
MOST_TOUCHED = 4096

# Fetches bytes [start, stop) of a file; raises StriateError when it has given up.
Fetch = Callable[[str, int, int], bytes]


class Blocks:
    """A bounded store of blocks, each fetched once however many threads ask for it at a time.

    What lies alone is fetched alone: a block is fetched whole when something in it is read for the second time, or
    when the block before it was, and then the next is fetched ahead. Once a fetch has given up, every read fails with
    its error: what is far away is not tried again for each of a million pictures.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._blocks: OrderedDict[tuple[str, int], Future[bytes]] = OrderedDict()
        self._touched: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="fetch")
        self._error: StriateError | None = None

    def read(self, place: str, size: int, offset: int, count: int) -> bytes:
        """Return `count` bytes of a file of `size` bytes, fewer where it ends before."""
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
        """Say whether what begins in a block is likely to be followed by more of it; a file's front always is."""
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
        """Return a block that is there or on its way; the one unused for longest makes room."""
        key = place, number
        if key not in self._blocks:
            start = number * BLOCK_BYTES
            self._blocks[key] = self._pool.submit(self._fetch, place, start, min(start + BLOCK_BYTES, size))
            if len(self._blocks) > MOST_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]
