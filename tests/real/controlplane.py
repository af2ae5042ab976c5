"""A control plane as plain processes on 127.0.0.1: etcd, apiserver, controllers, scheduler, fake nodes."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from tests.real import crds
from tests.real.node import NODES
from tests.real.pace import QUICK, Pace
from tests.real.pki import Authority
from tests.real.processes import Processes, free_ports
from tests.real.rest import Rest

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


class ControlPlane:
    """One control plane in one folder. Its processes die with this one, unless `detached`."""

    pace = QUICK

    def __init__(
        self, folder: Path, binaries: dict[str, Path], detached: bool = False, pace: Pace = QUICK
    ) -> None:
        self.pace = pace
        self.folder, self._binaries = folder, binaries
        self._processes = Processes(folder / "log", detached)
        self._ports = dict(zip(("etcd", "peer", "apiserver"), free_ports(3), strict=True))
        self.server = f"https://127.0.0.1:{self._ports['apiserver']}"
        self.audit_log = folder / "log" / "audit.jsonl"
        self._pki = Authority(folder / "pki")

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; its context is named `real`."""
        return self.folder / "admin.kubeconfig"

    @property
    def pids(self) -> dict[str, int]:
        return self._processes.pids

    def start(self) -> "ControlPlane":
        """Everything up and ready, or DidNotStart with nothing left running."""
        try:
            self._write_files()
            self._processes.run("etcd", *self._etcd())
            self.start_apiserver()
            # The controller-manager looks for new kinds every 30 s only: they are there before it begins.
            crds.install(self.admin)
            self._processes.wait("kube-apiserver", self._serves_crds)
            for name in ("kube-controller-manager", "kube-scheduler"):
                self._processes.run(name, *self._controller(name))
            nodes = ("-m", "tests.real.node", str(self.folder / "nodes.kubeconfig"), str(self.pace.feed_s))
            self._processes.run("nodes", sys.executable, *nodes)
            self._processes.wait("kube-controller-manager", self._has_default_account)
            self._processes.wait("nodes", self._has_nodes)
        except BaseException:
            self.stop()
            raise
        return self

    def start_apiserver(self) -> None:
        """Start it (again, on the same port) and wait until it is ready."""
        self._processes.run("kube-apiserver", *self._apiserver())
        self._processes.wait("kube-apiserver", self._is_ready)

    def stop_apiserver(self) -> None:
        """As a crash would: connections are reset, nothing is drained."""
        self._processes.end("kube-apiserver")

    def frozen_apiserver(self) -> AbstractContextManager[None]:
        """SIGSTOP: connections stay open, nobody answers."""
        return self._processes.frozen("kube-apiserver")

    def stop(self) -> None:
        """All of it is thrown away, so nothing is given time to end in order."""
        self._processes.end_all()

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
            f"--horizontal-pod-autoscaler-sync-period={self.pace.sync_s}s",
        ]

    def _is_ready(self) -> bool:
        return bool(self.admin.get("/readyz"))

    def _has_default_account(self) -> bool:
        return bool(self.admin.get("/api/v1/namespaces/default/serviceaccounts/default"))

    def _serves_crds(self) -> bool:
        return all(self.admin.get(path)["resources"] for path in (crds.METRICS, crds.SCALABLE))

    def _has_nodes(self) -> bool:
        nodes = self.admin.get("/api/v1/nodes")["items"]
        return len(nodes) >= len(NODES) and not any(one["spec"].get("taints") for one in nodes)


def kubeconfig_text(server: str, ca: Path, user: str, credentials: str, context: str) -> str:
    """A kubeconfig of one context; `credentials` are the inside of the user's YAML flow mapping."""
    return _KUBECONFIG.format(server=server, ca=ca, user=user, credentials=credentials, context=context)
