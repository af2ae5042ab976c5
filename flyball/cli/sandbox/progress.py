"""Progress of what moves a world's time, on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from base.durations import written

FIRST_S = 1.0
LINE_S = 5.0
REDRAWN_S = 0.2


@contextmanager
def watched(what: str, so_far: Callable[[], str] = lambda: "") -> Iterator[Callable[[int, int], None]]:
    """From the second second on: a line that is rewritten on a terminal, else one every few seconds. `so_far` tells
    what has happened until then."""
    begun = shown = time.monotonic()
    terminal, drawn = sys.stderr.isatty(), False

    def progress(done_ms: int, of_ms: int) -> None:
        nonlocal shown, drawn
        now = time.monotonic()
        if now - begun < FIRST_S or now - shown < (REDRAWN_S if terminal else LINE_S):
            return
        shown, drawn = now, True
        passed, whole = written(done_ms // 1000, 2), written(of_ms // 1000, 2)
        more = f"; {told}" if (told := so_far()) else ""
        text = f"sandbox  {what} {100 * done_ms // max(1, of_ms)} %, {passed} of {whole}{more}"
        sys.stderr.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
        sys.stderr.flush()

    try:
        yield progress
    finally:
        if terminal and drawn:
            sys.stderr.write("\r\x1b[K")
