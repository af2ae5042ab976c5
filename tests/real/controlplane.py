"""A control plane as plain processes on 127.0.0.1: etcd, apiserver, controllers, scheduler, fake nodes."""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.real.pki import Authority
from tests.real.rest import Refused, Rest

READY_S = 120
_ROOT = Path(__file__).parents[2]
_USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", None),
    "kube-scheduler": ("system:kube-scheduler", None),
    "nodes": ("fake-nodes", "system:masters"),
}
_AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: Metadata, omitStages: [RequestReceived]}]
"""
_KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{{name: real, cluster: {{server: "{server}", certificate-authority: "{ca}"}}}}]
users: [{{name: {user}, user: {{{credentials}}}}}]
contexts: [{{name: {context}, context: {{cluster: real, user: {user}}}}}]
current-context: {context}
"""


class DidNotStart(RuntimeError):
    """A process of the control plane ended early, or was not ready in time; its log's end is quoted."""


class ControlPlane:
    """One control plane in one folder. Its processes die with this one, unless `detached`."""

    def __init__(self, folder: Path, binaries: dict[str, Path], detached: bool = False) -> None:
        self.folder, self._binaries, self._detached = folder, binaries, detached
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = dict(zip(("etcd", "peer", "apiserver"), _free_ports(3), strict=True))
        self.server = f"https://127.0.0.1:{self._ports['apiserver']}"
        self.audit_log = folder / "log" / "audit.jsonl"
        (folder / "log").mkdir(parents=True)
        self._pki = Authority(folder / "pki")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; its context is named `real`."""
        return self.folder / "admin.kubeconfig"

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    def start(self) -> "ControlPlane":
        """Everything up and ready, or DidNotStart with nothing left running."""
        try:
            self._write_files()
            self._run("etcd", *self._etcd())
            self.start_apiserver()
            for name in ("kube-controller-manager", "kube-scheduler"):
                self._run(name, *self._controller(name))
            nodes = ("-m", "tests.real.node", str(self.folder / "nodes.kubeconfig"))
            self._run("nodes", sys.executable, *nodes)
            self._wait("kube-controller-manager", self._has_default_account)
            self._wait("nodes", self._has_nodes)
        except BaseException:
            self.stop()
            raise
        return self

    def start_apiserver(self) -> None:
        """Start it (again, on the same port) and wait until it is ready."""
        self._run("kube-apiserver", *self._apiserver())
        self._wait("kube-apiserver", self._is_ready)

    def stop_apiserver(self) -> None:
        """As a crash would: connections are reset, nothing is drained."""
        self._end("kube-apiserver")

    @contextlib.contextmanager
    def frozen_apiserver(self) -> Iterator[None]:
        """SIGSTOP: connections stay open, nobody answers."""
        process = self._processes["kube-apiserver"]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """All of it is thrown away, so nothing is given time to end in order."""
        for name in reversed(list(self._processes)):
            self._end(name)

    def write_kubeconfig(self, path: Path, user: str, credentials: str, context: str = "real") -> Path:
        """A kubeconfig for this cluster; `credentials` are the inside of the user's YAML flow mapping."""
        path.touch(mode=0o600)
        path.write_text(kubeconfig_text(self.server, self._pki.ca, user, credentials, context))
        return path

    def _write_files(self) -> None:
        self._tls = self._pki.server("kube-apiserver")
        self._token_keys = self._pki.token_keys()
        (self.folder / "audit-policy.yaml").write_text(_AUDIT_POLICY)
        for name, (common_name, group) in _USERS.items():
            certificate, key = self._pki.client(name, common_name, group)
            credentials = f'client-certificate: "{certificate}", client-key: "{key}"'
            self.write_kubeconfig(self.folder / f"{name}.kubeconfig", name, credentials)
        self.admin = Rest(self.kubeconfig)

    def _etcd(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd", "peer"))
        return [
            str(self._binaries["etcd"]),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver(self) -> list[str]:
        certificate, key = self._tls
        return [
            str(self._binaries["kube-apiserver"]),
            f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._ports['apiserver']}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={self._pki.ca}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._token_keys[0]}",
            f"--service-account-signing-key-file={self._token_keys[1]}",
            f"--audit-policy-file={self.folder / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
        ]

    def _controller(self, name: str) -> list[str]:
        config = self.folder / f"{name}.kubeconfig"
        common = [
            str(self._binaries[name]),
            f"--kubeconfig={config}",
            "--leader-elect=false",
            "--secure-port=0",
        ]
        if name == "kube-scheduler":
            return common
        return [
            *common,
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._token_keys[1]}",
            f"--root-ca-file={self._pki.ca}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ]

    def _run(self, name: str, *command: str) -> None:
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=None if self._detached else _die_with_parent,
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.kill()
        process.wait()

    def _wait(self, name: str, ready) -> None:  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._processes[name].poll() is not None:
                raise DidNotStart(f"{name} ended with {self._processes[name].returncode}: {self._tail(name)}")
            with contextlib.suppress(OSError, Refused):
                if ready():
                    return
            time.sleep(0.05)
        raise DidNotStart(f"{name} was not ready in {READY_S} s: {self._tail(name)}")

    def _tail(self, name: str) -> str:
        return (self.folder / "log" / f"{name}.log").read_text(errors="replace")[-2000:]

    def _is_ready(self) -> bool:
        return bool(self.admin.get("/readyz"))

    def _has_default_account(self) -> bool:
        return bool(self.admin.get("/api/v1/namespaces/default/serviceaccounts/default"))

    def _has_nodes(self) -> bool:
        self.admin.get("/apis/metrics.k8s.io/v1beta1/pods")  # its CRD is served
        nodes = self.admin.get("/api/v1/nodes")["items"]
        return len(nodes) >= 3 and not any(one["spec"].get("taints") for one in nodes)


def kubeconfig_text(server: str, ca: Path, user: str, credentials: str, context: str) -> str:
    """A kubeconfig of one context; `credentials` are the inside of the user's YAML flow mapping."""
    return _KUBECONFIG.format(server=server, ca=ca, user=user, credentials=credentials, context=context)


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """prctl(PR_SET_PDEATHSIG, SIGKILL): however the test run ends, nothing of it stays behind."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    """Bound all at once, so that they differ. Another process may still take one first: rare, and loud."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
