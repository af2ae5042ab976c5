"""sd_notify: the manager is told where there is one, and nothing goes wrong where there is none."""

import socket
from pathlib import Path

import pytest

from flyball.service.manager import tell


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    path = f"@flyball-test-{tmp_path.name}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind("\0" + path[1:] if abstract else path)
        there.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        tell("READY=1", "STATUS=standby")
        assert there.recv(1000) == b"READY=1\nSTATUS=standby"


@pytest.mark.parametrize("address", ["", "/nobody/listens/here", "vsock:2:1234", "relative"])
def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    tell("READY=1")
