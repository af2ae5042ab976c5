"""The Go modules under go/: which versions of Kubernetes and etcd the control plane is built from.

They are committed; `pin` writes them anew when a version moves on.
"""

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

KUBERNETES = "v1.36.2"
ETCD = "v3.6.8"
_GO = Path(__file__).parent / "go"
_VERSION = "k8s.io/component-base/version"
_KUBERNETES_FLAGS = (
    f"-s -w -X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36"
)


@dataclass(frozen=True)
class Module:
    """One Go module of ours, and the binaries that it builds, by the packages they come from."""

    name: str
    requires: str
    version: str
    packages: dict[str, str]
    ldflags: str

    @property
    def folder(self) -> Path:
        return _GO / self.name


CONTROL_PLANE = Module(
    "controlplane",
    "k8s.io/kubernetes",
    KUBERNETES,
    {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    },
    _KUBERNETES_FLAGS,
)
STORE = Module("etcd", "go.etcd.io/etcd/server/v3", ETCD, {"etcd": "go.etcd.io/etcd/server/v3"}, "-s -w")
MODULES = (STORE, CONTROL_PLANE)
BINARIES = tuple(binary for module in MODULES for binary in module.packages)


def digest() -> str:
    """Names a build: the modules with their sums, and the flags."""
    state = hashlib.sha256()
    for module in MODULES:
        state.update((module.folder / "go.mod").read_bytes() + (module.folder / "go.sum").read_bytes())
        state.update(json.dumps([module.packages, module.ldflags]).encode())
    return state.hexdigest()[:16]


def environment(mode: str) -> dict[str, str]:
    """For `go`: no other toolchain, no C; `mode` is -mod's (`readonly` to build, `mod` to pin)."""
    flags = f"-mod={mode} {os.environ.get('GOFLAGS', '')}".strip()
    return os.environ | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": flags}


def pin(go: Path) -> None:
    """Write go.mod and go.sum of each module for the versions above."""
    for module in MODULES:
        module.folder.mkdir(parents=True, exist_ok=True)
        (module.folder / "go.sum").unlink(missing_ok=True)
        (module.folder / "go.mod").write_text(_first_go_mod(go, module))
        command = [go, "list", "-deps", *module.packages.values()]
        subprocess.run(
            command, cwd=module.folder, env=environment("mod"), check=True, stdout=subprocess.DEVNULL
        )


def _first_go_mod(go: Path, module: Module) -> str:
    """Kubernetes names its staging modules by folders of its own repository; their releases are v0.x.y."""
    command = [go, "mod", "download", "-json", f"{module.requires}@{module.version}"]
    said = subprocess.run(
        command, env=environment("mod"), check=True, capture_output=True, text=True, cwd=_GO
    ).stdout
    original = Path(json.loads(said)["GoMod"]).read_text()
    language = re.search(r"^go (\S+)$", original, re.MULTILINE)
    staging = re.findall(r"^\s*(?:replace )?(\S+) => \./staging/\S+$", original, re.MULTILINE)
    lines = [f"module flyball.invalid/{module.name}", f"go {language[1] if language else '1.26.0'}"]
    lines += [f"tool {package}" for package in module.packages.values()]
    lines += [f"require {module.requires} {module.version}"]
    lines += [f"replace {name} => {name} v0{module.version[2:]}" for name in staging]
    return "\n\n".join(lines) + "\n"
