"""USE_EXISTING_CLUSTER=true: the cluster of KUBECONFIG, such as `python -m tests.real up` leaves running."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.controlplane import ControlPlane, kubeconfig_text
from tests.real.rest import Rest


def wanted() -> bool:
    """envtest's convention."""
    return os.environ.get("USE_EXISTING_CLUSTER", "").lower() == "true"


class ExistingPlane(ControlPlane):
    """Not ours to freeze or stop: tests that must, skip. Its kubeconfig names certificate files, as ours do."""

    def __init__(self) -> None:
        self.folder = Path(os.environ["KUBECONFIG"]).parent
        self.audit_log = self.folder / "log" / "audit.jsonl"
        self.admin = Rest(self.kubeconfig)
        self.server = self.admin.server

    @property
    def kubeconfig(self) -> Path:
        return Path(os.environ["KUBECONFIG"])

    def start(self) -> ControlPlane:
        return self

    def stop(self) -> None:
        """It stays."""

    def start_apiserver(self) -> None:
        """It was never stopped."""

    def stop_apiserver(self) -> None:
        pytest.skip("USE_EXISTING_CLUSTER: its apiserver is not ours to stop")

    @contextlib.contextmanager
    def frozen_apiserver(self) -> Iterator[None]:
        pytest.skip("USE_EXISTING_CLUSTER: its apiserver is not ours to freeze")
        yield

    def write_kubeconfig(self, path: Path, user: str, credentials: str, context: str = "real") -> Path:
        path.touch(mode=0o600)
        path.write_text(kubeconfig_text(self.server, self.admin.authority, user, credentials, context))
        return path
