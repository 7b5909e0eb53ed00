"""Making things ahead of their use with threads, in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import TypeVar

from striate.data.workers import workers

# Things a thread makes in one go, since handing each over costs as much as decoding a small picture.
TOGETHER = 8
# Goes that are queued for each thread, so that a large set is not queued whole.
QUEUED = 4

Given = TypeVar("Given")
Made = TypeVar("Made")


def made_ahead(
    make: Callable[[Given], Made], given: Iterable[Given], *, threads: int
) -> Generator[Made, None, None]:
    """Yield make(x) for each x in order, with `threads` threads at work on what comes next; 0 makes each when asked.

    What is raised is raised where the thing would have been yielded. Closing the iterator stops the threads.
    """
    if threads == 0:
        yield from map(make, given)
        return
    waiting = iter(given)
    with workers(threads, name="ahead") as pool:
        queue: deque[Future[Made]] = deque(pool.submit(make, one) for one in islice(waiting, threads + 1))
        while queue:
            made = queue.popleft().result()
            queue.extend(pool.submit(make, one) for one in islice(waiting, 1))
            yield made


def in_order(make: Callable[[int], Made], count: int, *, threads: int) -> Iterator[Made]:
    """Yield make(0), make(1), ... as made by a pool of threads, some in one go."""

    def some(start: int) -> list[Made]:
        return [make(index) for index in range(start, min(start + TOGETHER, count))]

    waiting = iter(range(0, count, TOGETHER))
    with workers(threads, name="decode") as pool:
        queue = deque(pool.submit(some, start) for start in islice(waiting, threads * QUEUED))
        while queue:
            made = queue.popleft().result()
            queue.extend(pool.submit(some, start) for start in islice(waiting, 1))
            yield from made
