"""Thread pools that compute results ahead of their use and yield them in order, with one core for each thread."""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from threading import Barrier
from typing import TypeVar

# Results of one task, since handing each over by itself costs as much as decoding a small picture.
TOGETHER = 8
# Tasks queued for each thread, so that a large set is not queued whole.
QUEUED = 4

Given = TypeVar("Given")
Made = TypeVar("Made")


def made_ahead(
    make: Callable[[Given], Made], given: Iterable[Given], *, threads: int
) -> Generator[Made, None, None]:
    """Yield make(x) for each x in order, computed ahead by `threads` threads; with 0, each when it is asked for.

    What `make` raises is raised where its result would have been yielded. Closing the iterator stops the threads.
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
    """Yield make(0) to make(count - 1) in order, computed ahead by a pool of threads, TOGETHER of them a task."""

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
    """Provide a pool of `pool_of` inside the context; tasks still queued at its end are cancelled."""
    pool = pool_of(threads, name=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def pool_of(threads: int, *, name: str) -> ThreadPoolExecutor:
    """Return a pool of threads in each of which torch computes on one core.

    By default each thread would start as many threads of torch's own as the machine has cores.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    started = Barrier(threads + 1)

    torch = sys.modules.get("torch")  # where nothing has imported it, there is nothing to set
    # Read before any thread sets it: a thread that has not computed yet takes the last number set by any thread.
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
        # Ctrl-C, or a thread that could not be started: the others would wait at the barrier for ever.
        started.abort()
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        if torch is not None:
            torch.set_num_threads(before)
    return pool
