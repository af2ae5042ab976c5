"""Group commit: what the callers of one process wait for is one transaction, one signature, one sync.

One thread owns the appending connection. While it waits for the disk, the next callers queue up; they are
the next batch. Nobody is acknowledged before the transaction that holds their records is durable.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

from audit.errors import LogUnavailable
from audit.leaf import Submission

MAX_BATCH = 1_024
"""Submissions in one transaction; bounds how long another process waits for its turn."""


_Waiting = tuple[Submission, "asyncio.Future[None]"]


class Writer:
    """The thread. `append` stores a batch; `acknowledged` is called after the callers were notified.

    It belongs to the event loop that it was made on.
    """

    def __init__(
        self, append: Callable[[Sequence[Submission]], str | None], acknowledged: Callable[[str | None], None]
    ) -> None:
        self._append, self._acknowledged = append, acknowledged
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._gathering: list[_Waiting] = []
        self._queue: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self._thread.start()

    def submit(self, submission: Submission) -> "asyncio.Future[None]":
        """Done once the submission is durable, or raises the error that prevented it.

        All that is submitted within one turn of the event loop goes over together. A caller that is cancelled
        meanwhile gives up waiting; what it submitted may still be stored.
        """
        if self._stopped:
            raise LogUnavailable("the log is closed", hint="open it again")
        future: asyncio.Future[None] = self._loop.create_future()
        self._gathering.append((submission, future))
        if len(self._gathering) == 1:
            self._loop.call_soon(self._hand_over)
        return future

    def stop(self) -> None:
        """Finish what is queued and end the thread. Blocks."""
        self._stopped = True
        self._hand_over()
        self._queue.put(None)
        self._thread.join()

    def _hand_over(self) -> None:
        if self._gathering:
            self._queue.put(self._gathering)
            self._gathering = []

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            while len(batch) < MAX_BATCH and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    self._queue.put(None)
                    break
                batch += more
            self._commit(batch)

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        note = None
        try:
            note = self._append([submission for submission, _ in batch])
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: callers raise it in its stead
            for submission, _ in batch:
                submission.error = error
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, batch)
        self._acknowledged(note)


def _resolve(batch: Sequence[_Waiting]) -> None:
    for submission, future in batch:
        if future.done():
            continue
        if submission.error:
            future.set_exception(submission.error)
        else:
            future.set_result(None)
