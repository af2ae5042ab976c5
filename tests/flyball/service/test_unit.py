"""deploy/systemd/flyball.service: hardened, and what it starts is a command line that there is."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from flyball.service import rota
from flyball.settings import TABLE
from tests.flyball.service.serving import ROOT

UNIT = ROOT / "deploy/systemd/flyball.service"


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_it_has_no_rights_that_it_does_not_need() -> None:
    found = {name: values[-1] for name, values in settings().items()}
    wanted = {
        "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
        "PrivateDevices": "yes", "CapabilityBoundingSet": "", "UMask": "0077", "StateDirectoryMode": "0700",
        "RestrictSUIDSGID": "yes", "User": "flyball", "Type": "notify",
    }  # fmt: skip
    assert found | wanted == found


def test_it_is_waited_for_longer_than_it_drains() -> None:
    (stop_s,) = settings()["TimeoutStopSec"]
    assert int(stop_s) >= 25 > rota.GRACE_S + 10


def test_its_variables_are_settings() -> None:
    (line,) = settings()["Environment"]
    named = {part.partition("=")[0] for part in shlex.split(line)}
    assert named - {"KUBECONFIG"} <= {setting.variable for setting in TABLE}


def test_what_it_starts_is_a_command_of_ours(flyball) -> None:  # type: ignore[no-untyped-def]
    (line,) = settings()["ExecStart"]
    _, *words = shlex.split(line)
    assert words[0] == "serve"
    assert flyball([*words[:-1], "/nobody/has/this.toml"]).code == 2, "it gets as far as its settings"
    assert "flyball.toml" in words[-1]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_it(tmp_path: Path) -> None:
    """With a program that is there, for `verify` looks."""
    unit = tmp_path / "flyball.service"
    unit.write_text(UNIT.read_text().replace("/opt/flyball/bin/flyball", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "flyball.service" in line]) == (
        0,
        [],
    )
