"""`require: verify` as a person meets it: said with the change, given by the next command, undone when worse."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from flyball.cli.kit.verdicts import document, lines, until_verified, worse
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, allow, scale, write_policy
from tests.tools.rig import rig
from tests.tools.workloads import workload
from tools.actions import registry
from tools.path.requests import build

if TYPE_CHECKING:
    from flyball.wiring import App

LIMITS = {
    "replicas": {"min": 2, "max": 20, "maxStep": 10},
    "memoryRequest": {"min": "16Mi", "max": "4Gi"},
    "memoryLimit": {"min": "16Mi", "max": "4Gi"},
}


@pytest.fixture
def verified(tmp_path: Path, flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> Flyball:
    everywhere = {"clusters": ["sandbox"], "namespaces": ["*"], "names": ["*"]}
    rules = [
        allow("read", ["read"], everywhere),
        allow("web", ["scale"], limits={"replicas": LIMITS["replicas"]}, require=[{"verify": "5m"}], cooldown="1h"),
        allow(
            "search", ["set_resources"], limits={k: v for k, v in LIMITS.items() if k != "replicas"}
            | {"cpuRequest": {"min": "50m", "max": "4"}, "cpuLimit": {"min": "50m", "max": "4"}},
            require=[{"verify": "5m"}], cooldown="1h",
        ),
    ]  # fmt: skip
    monkeypatch.setenv("FLYBALL_POLICIES", str(write_policy(tmp_path / "verified", [LOCAL, *rules])))
    return flyball


def test_a_change_that_does_no_harm_is_verified(verified: Flyball) -> None:
    done = verified("act scale deploy/web --replicas 5 --yes -o json")
    assert done.document["verdict_due"].endswith("Z")
    (owed,) = verified("status -o json").document["verifying"]
    assert (owed["owed"], owed["due"]) == ("verdict", done.document["verdict_due"])
    assert "owed         verdict of record" in verified("status").out
    verified("sandbox advance 6m")
    said = verified("get")
    assert "verified  deployment/web 4 -> 5" in said.err
    assert "verified" not in verified("get").err


def test_a_change_that_kills_pods_is_undone(verified: Flyball) -> None:
    done = verified("act set-resources deploy/search --memory-request 64Mi --memory-limit 80Mi --yes")
    assert "verdict due" in done.out
    verified("sandbox advance 6m")
    said = verified("status -o json")
    assert "ROLLED BACK  deployment/search" in said.err
    assert "killed for memory: 0 -> " in said.err
    assert said.document["verifying"] == []
    tail = verified("audit tail").out
    assert "action.verified" in tail
    assert "action.rolled_back" in tail
    assert "memory_limit 80Mi -> 2Gi" in tail
    verified("sandbox advance 10m")
    assert "6/6" in next(line for line in verified("get").out.splitlines() if "search" in line)


def test_the_waiting_command_gives_the_verdict_once_it_is_due(tmp_path: Path) -> None:
    rule = allow("web", ["scale"], limits={"replicas": LIMITS["replicas"]}, require=[{"verify": "5m"}])

    async def work() -> None:
        async with rig(tmp_path, [LOCAL, rule]) as one:
            one.cluster.script = [(workload(4), [])]
            args = registry.parse(registry.action("scale").args, scale(8))
            done = await one.executor.execute(
                build("scale", args, id="scale-to-8", principal=one.identity.by_hand(), cluster="sandbox",
                      namespace="shop", mode="live")
            )  # fmt: skip
            app = cast("App", one)
            now = one.clock.mono_us()
            assert await until_verified(app, done, now + 299_000_000) is None
            one.cluster.script = [
                (replace(workload(8), ready=3, managers=one.cluster.script[-1][0].managers), [])
            ]  # type: ignore[index]
            found = await until_verified(app, done, now + 600_000_000)
            assert worse(found)
            assert found is not None
            assert "ROLLED BACK  deployment/web 4 -> 8" in lines(found)[0]
            assert document(found)["verdict"]["rolled_back"] is True

    asyncio.run(work())
