"""The binaries of the control plane and of what stands beside it: given, cached, or built by the Go client.

Conventions of envtest are kept: KUBEBUILDER_ASSETS (a folder), TEST_ASSET_KUBE_APISERVER and TEST_ASSET_ETCD
(files). What they do not name comes from the cache, which is filled by `python -m tests.real build`.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from tests.real import modules
from tests.real.golang import go_tool
from tests.real.modules import Bundle


def cache() -> Path:
    """The user's cache folder for control planes of every version."""
    return user_cache_path("flyball") / "kube"


def built(bundle: Bundle) -> Path:
    """Where this version's binaries are, or will be."""
    return cache() / bundle.name


def given(bundle: Bundle, environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Binaries that the environment names and that are there."""
    folder = environ.get("KUBEBUILDER_ASSETS")
    found = {name: Path(folder) / name for name in bundle.binaries} if folder else {}
    for name in bundle.binaries:
        single = environ.get("TEST_ASSET_" + name.upper().replace("-", "_"))
        if single:
            found[name] = Path(single)
    return {name: path for name, path in found.items() if path.is_file()}


def locate(bundle: Bundle = modules.CONTROL_PLANE) -> dict[str, Path]:
    """Every binary by name, built now if neither the environment nor the cache has it."""
    found = given(bundle)
    if set(found) != set(bundle.binaries):
        found = {name: build(bundle) / name for name in bundle.binaries} | found
    return found


def build(bundle: Bundle) -> Path:
    """The folder of this version's binaries. Built aside and renamed: a half-built folder is never used.

    One build at a time, since each takes all cores; a bundle that is there waits for nobody's build.
    """
    done = built(bundle)
    if done.is_dir():
        return done
    done.parent.mkdir(parents=True, exist_ok=True)
    with _alone(done.parent / ".lock"):
        if not done.is_dir():
            aside = done.with_name(f"{done.name}.{os.getpid()}.part")
            try:
                _compile(bundle, aside)
                aside.rename(done)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return done


def _compile(bundle: Bundle, folder: Path) -> None:
    go, started = go_tool(cache()), time.monotonic()
    environ = modules.environment("readonly")
    for module in bundle.modules:
        for name, package in module.packages.items():
            _say(f"building {name} {module.version} ({time.monotonic() - started:.0f} s so far)")
            command = modules.build_command(go, module, package, folder / name)
            subprocess.run(["nice", *command], cwd=module.folder, env=environ, check=True)
    _say(f"built {bundle.label} in {time.monotonic() - started:.0f} s")


def _say(text: str) -> None:
    print(f"real: {text}", file=sys.stderr, flush=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
