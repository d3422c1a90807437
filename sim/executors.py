"""Where blocks are worked on: in this process, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Work = Callable[[Item], dict[str, Any]]
PATIENCE_SECONDS = 15


class WorkersLost(Exception):
    """Workers or the whole cluster went away; what was finished is kept."""


def notes_of(
    work: Work[Item], blocks: Sequence[Item], *, workers: int, scheduler: str | None
) -> Iterator[dict[str, Any]]:
    """Yield what `work` returns of each block (or whatever is worked on), in the order in which they are finished.

    `work` must be picklable when it leaves this process. Raises WorkersLost when nobody is left to work.
    """
    if scheduler is None and workers == 1:
        yield from map(work, blocks)
    elif scheduler is None:
        with _processes(workers) as executor:
            yield from _finished(executor, work, blocks)
    else:
        yield from _on_cluster(scheduler, work, blocks)


def _finished(executor: Executor, work: Work[Item], blocks: Sequence[Item]) -> Iterator[dict[str, Any]]:
    futures = [executor.submit(work, block) for block in blocks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise WorkersLost("a worker process was lost") from error
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Give a pool whose processes end at once when the run does, whatever they are at; blocks are written whole."""
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _on_cluster(scheduler: str, work: Work[Item], blocks: Sequence[Item]) -> Iterator[dict[str, Any]]:
    from distributed import Client
    from distributed.scheduler import KilledWorker

    try:
        client = Client(scheduler, timeout=PATIENCE_SECONDS)
    except (OSError, ValueError) as error:
        raise WorkersLost(f"{scheduler}: no scheduler answers there") from error
    try:
        with client:
            yield from _finished(client.get_executor(retries=3), work, blocks)
    except (KilledWorker, OSError) as error:
        raise WorkersLost(f"{scheduler}: {error}") from error
