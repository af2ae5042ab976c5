"""Traces one by one, or on all processors: they do not depend on one another."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

from flyball.cli.kit.output import transient
from flyball.exits import Exit, Stop, UsageError

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class _Refused:
    """An error of ours on its way back from another process: what, where, hint."""

    what: str
    where: str
    hint: str


def spread(work: Callable[[In], Out], items: Sequence[In]) -> Iterator[Out]:
    """`map(work, items)`, in as many processes as there are processors. Raises UsageError where an item is
    refused. `work` and items are pickled."""
    count = min(len(items), os.cpu_count() or 1)
    if count < 2:
        yield from _told(map(partial(_tried, work), items), len(items))
        return
    # Processes are begun again, not forked: arithmetic libraries have threads of their own.
    pool = ProcessPoolExecutor(count, get_context("spawn"), _dependent)
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield from _told(pool.map(partial(_tried, work), items), len(items))
    except BrokenProcessPool as e:
        raise UsageError("a process ended by itself", hint="out of memory? give fewer traces at once") from e
    except BaseException:
        _end_all()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        signal.signal(signal.SIGTERM, before)


def one_thread_each() -> None:
    """For this process and those that it begins, before numpy is imported: the forecast's many small systems of
    equations cost 20 times the CPU where a library's threads wait for one another."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _terminated(*_: object) -> None:
    """The signal may come while the caller is processing the results: nothing would end the processes then, and
    this one waits for them when it ends."""
    _end_all()
    raise Stop(Exit.TERMINATED)


def _end_all() -> None:
    for one in active_children():
        one.terminate()


def _dependent() -> None:
    """Ctrl-C ends a process at once, and without a word of its own; and none outlives the one that began it,
    however that ended (killed, it says nothing, and its processes would wait for ever)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)


def _tried(work: Callable[[In], Out], item: In) -> Out | _Refused:
    from forecasting.errors import ForecastError

    try:
        return work(item)
    except ForecastError as e:
        return _Refused(e.what, e.where, e.hint)


def _told(results: Iterator[Out | _Refused], count: int) -> Iterator[Out]:
    for done, one in enumerate(results, start=1):
        if isinstance(one, _Refused):
            raise UsageError(one.what, where=one.where, hint=one.hint)
        transient(f"{done} of {count} traces played")
        yield one
    transient("")
