"""Everything, with every real part: what `.ci/run` does once the environment is there.

The real parts (etcd, Kubernetes, kube-state-metrics, Prometheus) are built beside the checks, the demo and the tests
that do not need them: minutes of Go, once a version. Then come the tests that do. A build that fails ends the run at
once, with its log; another part that fails is remembered, and the run goes on, for one run shall tell everything.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

Command = Sequence[str]

BUILD = (sys.executable, "-m", "tests.real", "build")
BESIDE: tuple[Command, ...] = (
    ("./dev", "check"),
    ("./dev", "demo", "--fast"),
    ("./dev", "mutate", "guards"),
    ("./dev", "test", "--all", "-n", "auto", "--dist", "worksteal", "-m", "not real"),
)
REAL: tuple[Command, ...] = (
    ("./dev", "test", "--all", "--real", "-n", "2", "--dist", "loadgroup", "-m", "real"),
)
"""Two workers: the night, which mostly waits, has a control plane of its own beside that of the others."""


class BuildFailed(Exception):
    """Nothing that was built beside can be tested."""


def main(build: Command = BUILD, beside: Sequence[Command] = BESIDE, real: Sequence[Command] = REAL) -> int:
    """0 if every part succeeded, else 1. Closes with the last line that each part's tests said."""
    last: dict[str, str] = {}
    failed: list[str] = []
    with tempfile.TemporaryFile() as log, _started(build, log) as building:
        try:
            for command in beside:
                _part(command, last, failed, lambda: _refuse_failed(building))
            _say("waits for the build of the real parts")
            building.wait()
            _refuse_failed(building)
        except BuildFailed:
            log.seek(0)
            print(log.read().decode(errors="replace"), flush=True)
            _say(f"the build of the real parts failed with {building.returncode}: its log is above")
            return 1
    for command in real:
        _part(command, last, failed, lambda: None)
    for name in failed:
        _say(f"failed: {name}")
    for name, line in last.items():
        _say(f"{name}\n{line}")
    return 1 if failed else 0


def _part(command: Command, last: dict[str, str], failed: list[str], watch: Callable[[], None]) -> None:
    """Run it to its end; `watch` is called again and again and may raise."""
    name, begun = " ".join(command), time.monotonic()
    _say(name)
    with tempfile.NamedTemporaryFile() as said, _started(command, said.file) as running:
        shown = 0
        while running.poll() is None:
            watch()
            time.sleep(0.2)
            shown = _show(Path(said.name), shown)
        _show(Path(said.name), shown)
        lines = Path(said.name).read_text(errors="replace").splitlines()
    if "test" in command:
        last[name] = next((line for line in reversed(lines) if line.strip()), "")
    if running.returncode:
        failed.append(f"{name} (exit code {running.returncode})")
    _say(f"{name}: exit code {running.returncode} after {time.monotonic() - begun:.0f} s")


def _refuse_failed(building: "subprocess.Popen[bytes]") -> None:
    if building.poll():
        raise BuildFailed


@contextmanager
def _started(command: Command, output: BinaryIO) -> "Iterator[subprocess.Popen[bytes]]":
    """A group of processes of its own, of which none is left at the end."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _show(path: Path, shown: int) -> int:
    """Print what was written since; returns up to where."""
    with path.open("rb") as file:
        file.seek(shown)
        new = file.read()
    sys.stdout.buffer.write(new)
    sys.stdout.flush()
    return shown + len(new)


def _say(text: str) -> None:
    print(f"ci: {text}", flush=True)


def end_in_order() -> None:
    """SIGTERM ends this process like Ctrl-C does: nothing that it started is left."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


if __name__ == "__main__":
    end_in_order()
    sys.exit(main())
