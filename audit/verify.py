"""Verification of a whole log against a verifier key: what is stored against what was signed, and against itself.

It trusts the verifier key it is given and nothing in the file; it writes nothing. The pass over the records is
audit.verification.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from audit import pinned_file
from audit.clock import SystemClock
from audit.errors import LogDamaged, LogMissing, LogTampered
from audit.note import Checkpoint, Verifier
from audit.report import Report
from audit.store import scan
from audit.store.sqlite import unavailable
from audit.verification import Verification

Progress = Callable[[int, int], None]


def verify(
    path: Path,
    verifier: Verifier,
    *,
    pinned_path: Path | None = None,
    full: bool = False,
    progress: Progress | None = None,
    now_ms: int | None = None,
) -> Report:
    """Verify the log at `path` as it stands now; others may append meanwhile.

    `full` checks the signature of every checkpoint, not of the newest only. `progress(done, all)` is called
    now and then. `now_ms` is the time (Unix ms) that no record may be later than; unset, the machine's. Raises
    LogUnavailable where the log cannot be read to its end.
    """
    report = Report(verifier.name)
    anchor = _anchor(pinned_path, verifier, report)  # before the snapshot: it must not be ahead of it
    now_ms = SystemClock().wall_ms() if now_ms is None else now_ms
    try:
        with scan.snapshot(path) as connection:
            try:
                Verification(connection, verifier, anchor, report, full, now_ms).run(
                    progress or (lambda _done, _all: None)
                )
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise unavailable(error, path) from error
                report.found("storage", None, f"not text where text must be: {error}")
            except sqlite3.DatabaseError as error:
                report.found("storage", None, str(error))
    except LogDamaged as error:
        report.found("storage", None, error.what)
    except LogMissing as error:
        if not anchor or not anchor.size:
            raise
        what = f"the log is gone ({error.what}); the pinned checkpoint proves {anchor.size} records"
        report.found("pinned", None, what)
    return report


def _anchor(path: Path | None, verifier: Verifier, report: Report) -> Checkpoint | None:
    if path is None:
        return None
    try:
        found = pinned_file.look(path, verifier)
    except LogTampered as error:
        report.found("pinned", None, error.what)
        return None
    if isinstance(found, pinned_file.NoCheckpoint):
        report.noted("pinned", None, f"nothing could be compared: {found.why}")
        return None
    return found
