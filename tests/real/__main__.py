"""`python -m tests.real build|up|down|pin`: a throw-away control plane to look at by hand.

build  fill the cache (minutes at first)       up    start it, print KUBECONFIG; it stays until `down`
down   stop what `up` started                  pin   write go.mod and go.sum for other versions
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.real import assets, modules
from tests.real.controlplane import ControlPlane
from tests.real.golang import go_tool


def build() -> None:
    for bundle in modules.BUNDLES:
        print(assets.build(bundle))


def up() -> None:
    if _state().exists():
        raise SystemExit(f"one is up already ({_state()}); stop it with `python -m tests.real down`")
    folder = Path(tempfile.mkdtemp(prefix="flyball-real-"))
    started = time.monotonic()
    plane = ControlPlane(folder, assets.locate(), detached=True).start()
    _state().parent.mkdir(parents=True, exist_ok=True)
    _state().write_text(json.dumps({"folder": str(folder), "pids": plane.pids}))
    print(f"ready in {time.monotonic() - started:.1f} s", file=sys.stderr)
    print(f"export KUBECONFIG={plane.kubeconfig}")


def down() -> None:
    """Only what `up` wrote down, and only while the process is still that one."""
    if not _state().exists():
        raise SystemExit("none is up")
    state = json.loads(_state().read_text())
    for pid in reversed(state["pids"].values()):
        if state["folder"] in _command(pid):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    shutil.rmtree(state["folder"], ignore_errors=True)
    _state().unlink()


def pin() -> None:
    modules.pin(go_tool(assets.cache()))
    for bundle in modules.BUNDLES:
        print(bundle.name)


def _state() -> Path:
    return assets.cache() / "up.json"


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


if __name__ == "__main__":
    verbs = {"build": build, "up": up, "down": down, "pin": pin}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        raise SystemExit(__doc__)
    verbs[sys.argv[1]]()
