"""Threads that each compute alone: work is spread over pictures or batches, not within one."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier


@contextmanager
def workers(threads: int, *, name: str) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads in each of which torch computes on one core; what is queued at the end is dropped.

    Without it each thread would start as many of torch's own as the machine has cores.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    started = Barrier(threads + 1)

    torch = sys.modules.get("torch")  # where nothing has imported it, there is nothing to tell it

    def start() -> None:
        if torch is not None:
            torch.set_num_threads(1)
        started.wait()

    try:
        for _ in range(threads):
            pool.submit(start)
        started.wait()
        # torch gives a new thread the last number set by any, so it is set back for those to come.
        if torch is not None:
            torch.set_num_threads(torch.get_num_threads())
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
