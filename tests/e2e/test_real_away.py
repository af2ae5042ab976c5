"""The apiserver freezes in an incident: what waits, what is in doubt and what was changed is told all the same."""

from pathlib import Path
from typing import Any

import pytest

from flyball.wiring import App
from tests.e2e.test_real_doubt import doubted
from tests.kit.console import Console
from tests.real.cluster import Namespace
from tools.path.outcome import Unknown

pytestmark = pytest.mark.real


def test_the_logs_part_works_with_a_frozen_apiserver(kube: Namespace, tmp_path: Path) -> None:
    async def leave(_: App, result: Unknown) -> None:
        assert result.record

    doubted(kube, tmp_path, True, leave)  # web 2 -> 4, whose answer is lost
    console = _console(kube, tmp_path)
    kube.workload("api", 2)
    kube.settled("api")
    wide = ("act", "scale", "deploy/api", "--replicas", "10", "--yes")
    handle = console.ask(*wide, code=4)["handle"]
    with kube.plane.frozen_apiserver():
        status = _away(console, "status", code=5)
        assert (status["waiting"], len(status["in_doubt"])) == ([handle], 1)
        assert status["cluster_uid"]
        assert [one["handle"] for one in _away(console, "pending", code=0)["items"]] == [handle]
        (doubt,) = _away(console, "audit", "in-doubt", code=5)["items"]
        assert doubt["record"] == status["in_doubt"][0]
        assert {one["name"] for one in _away(console, "agent", "list", code=0)["items"]} == {
            "ops",
            "sentinel",
            "tuner",
        }
        (change,) = _away(console, "changes", "deploy/web", code=0)["items"]
        assert (change["record"], change["status"], change["undo"]) == (doubt["record"], "in_doubt", None)
        assert console.run("get").code == 7
        assert _away(console, "deny", handle, "--reason", "not now", code=0)["vote"] == "denied"
    assert console.ask("audit", "in-doubt", code=0)["items"][0]["status"] == "applied"


def _console(kube: Namespace, folder: Path) -> Console:
    """The installation that `doubted` leaves behind."""
    return Console(
        folder,
        kubeconfig=str(kube.plane.kubeconfig),
        context="real",
        namespace=kube.name,
        pinned=str(folder / "pinned"),
        policies=str(folder / "policies"),
    )


def _away(console: Console, *words: str, code: int) -> Any:
    """The document of a command, which says that the cluster is away, and why."""
    found = console.ask(*words, code=code)
    assert "no connection within 5 s" in found["cluster_away"]["what"]
    return found
