"""The Go modules under go/: which versions of Kubernetes, etcd, kube-state-metrics and Prometheus are built.

They are committed; `pin` writes them again when a version moves on.
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
KUBE_STATE_METRICS = "v2.18.0"
PROMETHEUS = "v0.313.0"
"""Prometheus 3.13.0: its Go module counts apart from its releases."""
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
    tags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return _GO / self.name


@dataclass(frozen=True)
class Bundle:
    """Modules that are built and cached together, under a name that changes with any of their inputs."""

    label: str
    modules: tuple[Module, ...]

    @property
    def binaries(self) -> tuple[str, ...]:
        return tuple(binary for module in self.modules for binary in module.packages)

    @property
    def name(self) -> str:
        return f"{self.label}-{self.digest()}"

    def digest(self) -> str:
        """Names a build: the modules with their sums, the flags and the tags."""
        state = hashlib.sha256()
        for module in self.modules:
            state.update((module.folder / "go.mod").read_bytes() + (module.folder / "go.sum").read_bytes())
            state.update(json.dumps([module.packages, module.ldflags, *module.tags]).encode())
        return state.hexdigest()[:16]


_KUBERNETES = Module(
    "controlplane",
    "k8s.io/kubernetes",
    KUBERNETES,
    {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    },
    _KUBERNETES_FLAGS,
)
_ETCD = Module("etcd", "go.etcd.io/etcd/server/v3", ETCD, {"etcd": "go.etcd.io/etcd/server/v3"}, "-s -w")
_STATE = Module(
    "kube-state-metrics",
    "k8s.io/kube-state-metrics/v2",
    KUBE_STATE_METRICS,
    {"kube-state-metrics": "k8s.io/kube-state-metrics/v2"},
    "-s -w",
)
_PROMETHEUS = Module(
    "prometheus",
    "github.com/prometheus/prometheus",
    PROMETHEUS,
    {"prometheus": "github.com/prometheus/prometheus/cmd/prometheus"},
    "-s -w",
    ("remove_all_sd",),  # the clouds' own service discovery is half of the build, and nothing here asks it
)
CONTROL_PLANE = Bundle(KUBERNETES, (_ETCD, _KUBERNETES))
STATE_METRICS = Bundle(f"kube-state-metrics-{KUBE_STATE_METRICS}", (_STATE,))
METRICS_STORE = Bundle(f"prometheus-{PROMETHEUS}", (_PROMETHEUS,))
BUNDLES = (CONTROL_PLANE, STATE_METRICS, METRICS_STORE)


def environment(mode: str) -> dict[str, str]:
    """For `go`: no other toolchain, no C; `mode` is -mod's (`readonly` to build, `mod` to pin)."""
    flags = f"-mod={mode} {os.environ.get('GOFLAGS', '')}".strip()
    return os.environ | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": flags}


def pin(go: Path) -> None:
    """Write go.mod and go.sum of each module for the versions above."""
    for module in (module for bundle in BUNDLES for module in bundle.modules):
        module.folder.mkdir(parents=True, exist_ok=True)
        (module.folder / "go.sum").unlink(missing_ok=True)
        (module.folder / "go.mod").write_text(_first_go_mod(go, module))
        command = [go, "list", "-deps", *_tags(module), *module.packages.values()]
        subprocess.run(
            command, cwd=module.folder, env=environment("mod"), check=True, stdout=subprocess.DEVNULL
        )


def build_command(go: Path, module: Module, package: str, binary: Path) -> list[str | Path]:
    """One static binary that is the same wherever it is built."""
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", module.ldflags, *_tags(module)]
    return [go, "build", *flags, "-o", binary, package]


def _tags(module: Module) -> list[str]:
    return ["-tags", ",".join(module.tags)] if module.tags else []


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
