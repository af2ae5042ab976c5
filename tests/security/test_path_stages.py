"""Stages of the path that nothing behind them would replace, and what two or many requests do together.

the request names another cluster          refused, recorded, nothing read
the cluster's UID is another one           nothing is sent
another policy after the wait              refused by names: no read of what may not be read
confirmed, then changed                    refused as drift
a workload with an open intent             refused as busy, before any cooldown is looked at
13  two agents at once                     one changes it; together they stay within the limit
14  many small steps, to and fro           one a cooldown
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.faults import Fault, FaultKind
from tests.kit.installation import (
    LOCAL,
    OPS,
    App,
    allow,
    deny,
    doc,
    installation,
    proposed,
    replicas,
    target,
    write_policy,
)
from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterMismatch
from tools.path.outcome import Applied, Refused, Unknown

LIMITS = {"replicas": {"min": 2, "max": 12, "maxStep": 5}}
RULES = [
    LOCAL,
    OPS,
    doc("Agent", "other", {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"}),
    allow("reads", ["read"]),
    allow("scaling", ["scale"], limits=LIMITS, cooldown="10m"),
]


def opened(folder: Path, work: Callable[[App], Awaitable[None]], rules: Any = RULES) -> None:
    async def run() -> None:
        async with installation(folder, write_policy(folder / "policies", rules)) as app:
            await work(app)

    asyncio.run(run())


def count_reads(app: App, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []
    reader = app.context.reader
    read = reader.read

    async def counted(where: Any) -> Any:
        reads.append(str(where))
        return await read(where)

    monkeypatch.setattr(reader, "read", counted)
    return reads


def test_a_request_for_another_cluster_is_refused_before_any_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policy names it too, so that only the path itself stands in the way."""
    everywhere = allow("all", ["scale"], target(clusters=["*"]), limits=LIMITS)

    async def work(app: App) -> None:
        reads = count_reads(app, monkeypatch)
        request = proposed(app, 6)
        other = request.model_copy(
            update={"target": request.target.model_copy(update={"cluster": "prod-eu"})}
        )
        result = await app.executor.execute(type(request).model_validate(other.model_dump()))
        assert isinstance(result, Refused)
        assert (result.stage, result.detail) == ("cluster", "this is `sandbox`, not `prod-eu`")
        assert reads == []

    opened(tmp_path, work, [LOCAL, everywhere])


def test_a_cluster_that_was_exchanged_under_its_name_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App) -> None:
        here = app.context.cluster

        async def identity() -> ClusterIdentity:
            return replace(here, uid="of-another-kube-system")

        monkeypatch.setattr(app.context.reader, "identity", identity)
        with pytest.raises(ClusterMismatch, match="another cluster than before"):
            await app.executor.execute(proposed(app, 6))
        assert await replicas(app) == 4

    opened(tmp_path, work)


def test_what_may_not_be_read_any_more_is_not_read_after_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App) -> None:
        request = proposed(app, 8)
        root = await app.context.reader.root_owner(request.target)
        reads = count_reads(app, monkeypatch)
        async with app.context.leases.hold(root.key):
            waiting = asyncio.create_task(app.executor.execute(request))
            await asyncio.sleep(0.3)
            write_policy(tmp_path / "policies", [*RULES, deny("nobody", ["scale"], target())])
        assert isinstance(await waiting, Refused)
        assert reads == []

    opened(tmp_path, work)


def test_what_was_confirmed_is_what_is_written(tmp_path: Path) -> None:
    """A person said yes to 4 -> 6; somebody else made it 5 meanwhile."""

    async def work(app: App) -> None:
        request = proposed(app, 6)
        decision, _ = await app.executor.preview(request)
        assert decision.permit is not None
        await app.executor.execute(proposed(app, 5, who=app.agent("agent:other")))
        result = await app.executor.execute(request, confirmed=str(decision.permit.view_digest))
        assert isinstance(result, Refused)
        assert result.stage == "drift"
        assert await replicas(app) == 5

    opened(tmp_path, work, [*RULES[:-1], allow("scaling", ["scale"], limits=LIMITS)])


def test_an_open_intent_is_said_before_any_cooldown_is(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        app.world.inject([Fault(FaultKind.TIMEOUT_AFTER)])
        first = await app.executor.execute(proposed(app, 5))  # a cooldown of 10 minutes begins
        assert isinstance(first, Unknown)
        result = await app.executor.execute(proposed(app, 6, mode="dry_run"))
        assert isinstance(result, Refused)
        assert result.stage == "in-doubt"

    opened(tmp_path, work)


def test_13_two_agents_within_their_limits_are_not_together_beyond_them(tmp_path: Path) -> None:
    """Each may go five up from 4, to 9; one after the other they would be at 14 within a moment."""

    async def work(app: App) -> None:
        asked = [proposed(app, 9, who=app.agent(f"agent:{name}", name)) for name in ("ops", "other")]
        asked.append(proposed(app, 12, who=app.agent("agent:other", "again")))
        results = await asyncio.gather(*[app.executor.execute(request) for request in asked])
        changed = [r for r in results if isinstance(r, Applied) and not r.unchanged]
        assert len(changed) == 1
        assert await replicas(app) == 9

    opened(tmp_path, work)


@pytest.mark.parametrize("steps", [[5, 6, 7, 8, 9, 10], [5, 4, 5, 4, 5, 4]], ids=["up", "to and fro"])
def test_14_many_small_steps_wait_for_each_other(tmp_path: Path, steps: list[int]) -> None:
    async def work(app: App) -> None:
        results = [await app.executor.execute(proposed(app, to, who=app.agent("agent:ops"))) for to in steps]
        assert isinstance(results[0], Applied)
        moved = [r for r in results[1:] if not (isinstance(r, Applied) and r.unchanged)]
        assert {r.stage for r in moved if isinstance(r, Refused)} == {"cooldown"}
        assert all(isinstance(r, Refused) for r in moved)
        assert await replicas(app) == 5

    opened(tmp_path, work)
