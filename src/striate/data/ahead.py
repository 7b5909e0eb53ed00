"""Making things ahead of their use with threads, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def made_ahead(make: Callable[[Given], Made], given: Iterable[Given], *, threads: int) -> Iterator[Made]:
    """Yield make(x) for each x in order, with `threads` threads at work on what comes next; 0 makes each when asked.

    What is raised is raised where the thing would have been yielded. Closing the iterator stops the threads.
    """
    if threads == 0:
        yield from map(make, given)
        return
    waiting = iter(given)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        queue: deque[Future[Made]] = deque(pool.submit(make, one) for one in islice(waiting, threads + 1))
        while queue:
            made = queue.popleft().result()
            queue.extend(pool.submit(make, one) for one in islice(waiting, 1))
            yield made
    finally:
        pool.shutdown(cancel_futures=True)
