"""The pinned checkpoint: the newest signed tree head in a second place, ideally on another disk or host.

Local verification cannot see a log that was cut short or rewritten by somebody who has the key. A pinned
checkpoint can: it only ever moves forward, and only to a head that contains the one pinned before.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from audit.errors import AuditError
from audit.note import Verifier
from audit.pinned_file import advance

INTERVAL_S = 0.25
"""Seconds between two writes under load: each costs the disk a sync that appends want."""
CLOSE_S = 10.0
"""Seconds that closing waits for the last write; what hangs longer is left behind."""

PinnedWrite = Literal["async", "sync"]
"""`async`: pinned after the acknowledgement; `sync`: before it, by one more sync of the disk a commit."""

_logger = logging.getLogger(__name__)


class PinnedCheckpoint:
    """Writes newer notes to `path`, also where several processes do so. `root_at` asks the log."""

    def __init__(self, path: Path, verifier: Verifier, root_at: Callable[[int], bytes]) -> None:
        self._path, self._verifier, self._root_at = path, verifier, root_at
        self._newest: str | None = None
        self._offered = threading.Condition()
        self._stopping = threading.Event()
        self.error: AuditError | None = None
        """Why the last write failed; None where it went well."""
        self._thread = threading.Thread(target=self._run, name="audit-pinned", daemon=True)
        self._thread.start()

    def offer(self, note: str) -> None:
        """Take note of a newer head; returns at once. Of several offers the newest is pinned."""
        with self._offered:
            self._newest = note
            self._offered.notify()

    def pin(self, note: str) -> None:
        """Write it now. Blocks, for LOCK_S at most besides the disk; `error` says how it ended."""
        try:
            advance(self._path, note, self._verifier, self._root_at)
            self.error = None
        except AuditError as error:
            if self.error is None or self.error.what != error.what:  # once, not for each commit
                _logger.error("%s (%s)", error.what, error.where)
            self.error = error

    def stop(self) -> None:
        """Write what was offered last and end the thread. Blocks, for CLOSE_S at most."""
        self._stopping.set()
        with self._offered:
            self._offered.notify()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (note := self._next()) is not None:
            self.pin(note)
            # An event of its own: an offer during the pause must not wake this thread (it was 7% of an action's CPU).
            self._stopping.wait(INTERVAL_S)

    def _next(self) -> str | None:
        with self._offered:
            self._offered.wait_for(lambda: self._stopping.is_set() or self._newest is not None)
            note, self._newest = self._newest, None
            return note
