"""Thread pools: things made ahead of their use and in order, each thread computing on one core."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from threading import Barrier
from typing import TypeVar

# Things a thread makes in one go, since handing each over costs as much as decoding a small picture.
TOGETHER = 8
# Goes that are queued for each thread, so that a large set is not queued whole.
QUEUED = 4

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


@contextmanager
def workers(threads: int, *, name: str) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads as `pool_of` makes it; what is queued at the end is dropped."""
    pool = pool_of(threads, name=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def pool_of(threads: int, *, name: str) -> ThreadPoolExecutor:
    """Return a pool of threads in each of which torch computes on one core; they end with the pool.

    Without it each thread would start as many of torch's own as the machine has cores.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    started = Barrier(threads + 1)

    torch = sys.modules.get("torch")  # where nothing has imported it, there is nothing to tell it
    # Asked for before any thread is told: a thread that has not computed yet takes the last number set by any.
    before = 0 if torch is None else torch.get_num_threads()

    def start() -> None:
        if torch is not None:
            torch.get_num_threads()  # torch sets a thread up when first asked, and would then undo what follows
            torch.set_num_threads(1)
        started.wait()

    try:
        for _ in range(threads):
            pool.submit(start)
        started.wait()
    except BaseException:
        # Ctrl-C, or a thread that could not be started: those that were would wait for ever.
        started.abort()
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        if torch is not None:
            torch.set_num_threads(before)
    return pool
