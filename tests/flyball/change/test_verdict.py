"""`require: verify` as a person meets it: said with the change, given by the next command, undone when worse."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from audit.errors import LogUnavailable
from flyball.cli.kit.verdicts import document, lines, until_verified, worse
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, allow, scale, write_policy
from tests.kit.log_attacks import execute
from tests.tools.path.test_verification import FullAfter, swept
from tests.tools.rig import Rig, rig
from tests.tools.workloads import workload
from tools.actions import registry
from tools.errors import ClusterUnavailable
from tools.path.outcome import Result
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


def waiting(folder: Path, work: Callable[[Rig, Result], Awaitable[None]]) -> None:
    """`web` was scaled from 4 to 8, and its verdict is due in 5 minutes."""
    rule = allow("web", ["scale"], limits={"replicas": LIMITS["replicas"]}, require=[{"verify": "5m"}])

    async def run() -> None:
        async with rig(folder, [LOCAL, rule]) as one:
            one.cluster.script = [(workload(4), [])]
            args = registry.parse(registry.action("scale").args, scale(8))
            done = await one.executor.execute(
                build("scale", args, id="scale-to-8", principal=one.identity.by_hand(), cluster="sandbox",
                      namespace="shop", mode="live")
            )  # fmt: skip
            await work(one, done)

    asyncio.run(run())


def fewer_ready(one: Rig) -> None:
    managers = one.cluster.script[-1][0].managers  # type: ignore[index]
    one.cluster.script = [(replace(workload(8), ready=3, managers=managers), [])]


def test_the_waiting_command_gives_the_verdict_once_it_is_due(tmp_path: Path) -> None:
    async def work(one: Rig, done: Result) -> None:
        app, now = cast("App", one), one.clock.mono_us()
        assert await until_verified(app, done, now + 299_000_000) is None
        fewer_ready(one)
        found = await until_verified(app, done, now + 600_000_000)
        assert worse(found)
        assert found is not None
        assert "ROLLED BACK  deployment/web 4 -> 8" in lines(found)[0]
        assert document(found)["verdict"]["rolled_back"] is True

    waiting(tmp_path, work)


@pytest.mark.parametrize("commits", [1, 9])
def test_the_waiting_command_tells_a_verdict_that_another_process_has_given(
    tmp_path: Path, commits: int
) -> None:
    """Its exit code must not depend on who was the first to look; nor where that one died behind its verdict."""

    async def work(one: Rig, done: Result) -> None:
        one.clock.advance(300_000)
        fewer_ready(one)
        with FullAfter(one, commits), suppress(LogUnavailable):
            await swept(one)
        found = await until_verified(cast("App", one), done, one.clock.mono_us())
        assert found is not None
        assert worse(found)
        assert document(found)["verdict"]["rolled_back"] is True
        assert len(one.cluster.written) == 2

    waiting(tmp_path, work)


def test_the_waiting_command_tries_again_and_says_what_is_still_owed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(one: Rig, done: Result) -> None:
        there = one.cluster.script
        one.cluster.script = [ClusterUnavailable("away", where="it")]
        assert await until_verified(cast("App", one), done, one.clock.mono_us() + 310_000_000) is None
        assert "still owed: it cannot be given now" in capsys.readouterr().err
        one.cluster.script = [*[ClusterUnavailable("away", where="it")] * 8, *there]
        one.cluster.looks = 0
        found = await until_verified(cast("App", one), done, one.clock.mono_us() + 10_000_000)
        assert found is not None

    waiting(tmp_path, work)


def test_a_log_that_was_tampered_with_does_not_hide_the_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(one: Rig, done: Result) -> None:
        one.clock.advance(300_000)
        execute(tmp_path / "audit.db", "UPDATE audit_claim SET value = 1 WHERE key LIKE 'verify/%'")
        assert await until_verified(cast("App", one), done, one.clock.mono_us()) is None
        said = capsys.readouterr().err
        assert "what is to be verified stays so: the log's verify/" in said
        assert "flyball audit verify" in said

    waiting(tmp_path, work)
