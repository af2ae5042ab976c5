"""The cluster is away: commands whose answer is in the log give it; all others end with 7, and nothing is sent.

The same with records in the log, and with a frozen apiserver, is in tests/e2e/test_real_away.py.
"""

import json
from pathlib import Path

import pytest

from tests.kit.command_line import Flyball
from tests.tools.cluster.fake_server import kubeconfig

FROM_LOG = ["status", "pending", "audit in-doubt", "agent list", "agent show ops", "changes deploy/web"]
NEEDS_CLUSTER = ["get", "describe deploy/web", "why deploy/web", "act scale deploy/web --replicas 3 --yes"]
PIN = {"version": 1, "pins": {"here": {"uid": "0123456789ab", "server": "https://kube.example:6443"}}}


@pytest.fixture
def away(flyball: Flyball, home: Path, monkeypatch: pytest.MonkeyPatch) -> Flyball:
    """The command line, with a context whose server refuses connections."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(home, "https://127.0.0.1:1")))
    monkeypatch.setenv("FLYBALL_STATE", str(home / "state"))
    return flyball


@pytest.mark.parametrize("line", FROM_LOG)
def test_what_the_log_holds_is_told(away: Flyball, line: str) -> None:
    done = away(f"{line} -o json")
    assert done.code == 0
    assert "127.0.0.1" in done.document["cluster_away"]["what"]
    assert done.document["cluster_away"]["hint"]
    told = away(line)
    assert told.code == 0
    assert told.err.startswith("cluster away: GET https://127.0.0.1:1/api/v1/namespaces/kube-system: ")


@pytest.mark.parametrize("line", NEEDS_CLUSTER)
def test_what_needs_the_cluster_ends_with_7(away: Flyball, line: str) -> None:
    assert away(line).code == 7
    assert away("audit tail -o json").document["items"] == []


def test_with_the_cluster_there_nothing_is_away(flyball: Flyball) -> None:
    for line in ("status", "pending", "audit in-doubt", "agent list", "agent show ops", "changes deploy/web"):
        assert flyball(f"{line} --context sandbox -o json").document["cluster_away"] is None


def test_a_cluster_that_was_never_seen_has_no_identity(away: Flyball) -> None:
    assert "here/default  cluster not seen yet  away" in away("status").out
    facts = away("status -o json").document
    assert (facts["cluster_uid"], facts["server"]) == (None, None)


def test_a_cluster_that_was_seen_is_known_by_its_pin(away: Flyball, home: Path) -> None:
    away("status")
    (home / "state" / "real" / "pins.json").write_text(json.dumps(PIN))
    assert "here/default  https://kube.example:6443  cluster 01234567  away" in away("status").out


def test_a_login_that_fails_is_a_cluster_that_is_away(
    away: Flyball, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = (
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, installHint: get it}"
    )
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(home, "https://127.0.0.1:1", plugin)))
    done = away("status")
    assert (done.code, "get it" in done.err) == (0, True)
    assert away("get").code == 7


@pytest.mark.parametrize("wrong", ["--context nowhere", "--kubeconfig /nowhere"])
def test_a_place_that_is_none_is_not_away(away: Flyball, wrong: str) -> None:
    done = away(f"status {wrong}")
    assert done.code == 7
    assert "cluster away" not in done.err


def test_a_pin_that_is_broken_by_another_cluster_is_no_cluster_away(away: Flyball, home: Path) -> None:
    """A context that leads to another cluster is refused, also where only the log is asked for."""
    (home / "state" / "real").mkdir(parents=True, mode=0o700)
    (home / "state" / "real" / "pins.json").write_text("not json")
    assert away("status").code == 3
