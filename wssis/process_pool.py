"""Processes that share the work of one stage, and end with it."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process


def process_pool(workers: int, begin: Callable[[], None] | None = None) -> ProcessPoolExecutor:
    """Freshly started processes: what this one holds, locks and threads of libraries, is not copied into them.

    Args:
        workers: how many.
        begin: what each does first.
    """
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(begin,))


def _begin(begin: Callable[[], None] | None) -> None:
    """A stage that is killed cannot tell its workers, which would wait for work for ever, with their memory."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
