"""A command in a process of its own, forked from this one: without the second that a new interpreter takes to import.

What a process shares with nobody (its limits, signals, locks, its end) is its own all the same.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

LONGEST_S = 60
"""A child that does not end by itself ends by SIGALRM."""


def forked(
    work: Callable[[], int],
    environ: Mapping[str, str],
    cwd: Path | None = None,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `work`, whose result is the exit code, with this environment; `before` right before it, as `preexec_fn`."""
    sys.stdout.flush()
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _live(work, environ, cwd, before, (out_end, err_end))
    os.close(out_end)
    os.close(err_end)
    said = [os.fdopen(end, encoding="utf-8", errors="surrogateescape") for end in (out, err)]
    texts = [stream.read() for stream in said]
    for stream in said:
        stream.close()
    _, status = os.waitpid(pid, 0)
    return subprocess.CompletedProcess([], os.waitstatus_to_exitcode(status), *texts)


def _live(
    work: Callable[[], int],
    environ: Mapping[str, str],
    cwd: Path | None,
    before: Callable[[], None] | None,
    ends: tuple[int, int],
) -> NoReturn:
    """The child's whole life; it never returns into the test's stack."""
    code = 70
    signal.alarm(LONGEST_S)
    try:
        for number, end in zip((1, 2), ends, strict=True):
            os.dup2(end, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))
        os.environ.clear()
        os.environ.update(environ)
        os.chdir(cwd or os.getcwd())
        if before is not None:
            before()
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
