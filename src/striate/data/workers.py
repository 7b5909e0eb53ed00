"""Threads that each compute alone: work is spread over pictures or batches, not within one."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier


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
