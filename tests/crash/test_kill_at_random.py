"""kill -9 at random points of the path, many times on one installation, with the cluster's faults among them.

Each round forks a child that carries out several requests and is killed at a seeded moment; then the requests
come again under their ids, as a restarted process would send them, and our log is held against the cluster's.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.faults import FaultKind, Seeded
from tests.kit.crash_rig import Rig, balanced, opened
from tests.kit.forks import Child
from tools.path.outcome import Result, Unknown

ACTIONS = 4
ROUNDS = int(os.environ.get("FLYBALL_CRASH_ROUNDS") or 500)
"""In each weather."""

LONGEST_S = 0.1
"""A little longer than an undisturbed child works, so that some of them finish."""

FAULTS = (
    FaultKind.CONFLICT,
    FaultKind.THROTTLED,
    FaultKind.REFUSED,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_AFTER,
    FaultKind.TIMEOUT_BEFORE,
    FaultKind.TIMEOUT_AFTER,
)


@dataclass
class Tally:
    """What the rounds came to."""

    rounds: int = 0
    killed: int = 0
    acknowledged: int = 0
    in_doubt: int = 0
    resolved: Counter[str] = field(default_factory=Counter)


def plan(seed: int) -> list[tuple[str, int, str]]:
    """The requests of a round: id, replicas, workload."""
    chance = random.Random(seed)
    return [
        (f"round-{seed}-{n}", chance.randint(1, 12), chance.choice(("web", "worker", "queue")))
        for n in range(ACTIONS)
    ]


def child(folder: Path, seed: int) -> Child:
    async def work(rig: Rig, tell: Callable[[Result], None]) -> None:
        for id, replicas, name in plan(seed):
            tell(await rig.executor.execute(rig.scale(replicas, name, id=id)))

    return Child(folder, work, ttl_s=0.05)


async def recover(rig: Rig, seed: int, said: list[dict[str, Any]], tally: Tally) -> None:
    """What a new process does after a crash, and what must hold afterwards."""
    for one in said:
        entry = await rig.log.entry(one["record"])
        assert entry.record.request_id == one["request"], "an acknowledged record is lost"
    tally.acknowledged += len(said)
    found = await rig.executor.resolver.open_intents()
    tally.in_doubt += len(found)
    for result in await rig.executor.resolver.sweep():
        tally.resolved[type(result).__name__] += 1
    for id, replicas, name in plan(seed):
        await rig.executor.execute(rig.scale(replicas, name, id=id))
    await settle(rig, tally)


async def settle(rig: Rig, tally: Tally) -> None:
    """Until nothing stands open: a resolver may meet a fault as well."""
    for _ in range(20):
        left = await rig.executor.resolver.sweep()
        if not any(isinstance(r, Unknown) for r in left):
            return
    raise AssertionError("an intent stays in doubt")


def one_round(folder: Path, seed: int, tally: Tally) -> None:
    running = child(folder, seed)
    running.ready()
    time.sleep(random.Random(f"moment {seed}").uniform(0, LONGEST_S))
    running.signal(signal.SIGKILL)
    tally.killed += running.wait() == -signal.SIGKILL
    said = running.said()
    tally.rounds += 1

    async def inside() -> None:
        async with opened(folder, ttl_s=0.05) as rig:
            await recover(rig, seed, said, tally)

    asyncio.run(inside())


async def total(folder: Path) -> None:
    async with opened(folder) as rig:
        await balanced(rig)


@pytest.mark.slow
@pytest.mark.parametrize("weather", ["calm", "stormy"])
def test_no_round_loses_or_repeats_anything(
    folder: Path, weather: str, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally()
    if weather == "stormy":
        asyncio.run(stir(folder))
    for seed in range(ROUNDS):
        one_round(folder, seed, tally)
    asyncio.run(total(folder))
    record_property("tally", str(tally))
    print(f"{weather}: {tally}")
    assert tally.killed > tally.rounds // 4, "the moments must fall into the path, or nothing is tried"
    assert tally.in_doubt > 0, "no round was caught between intent and outcome"


async def stir(folder: Path) -> None:
    """A fifth of the writes and a tenth of the reads and fences go wrong."""
    async with opened(folder) as rig:
        lost = (FaultKind.REFUSED, FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER)
        rig.world.inject([Seeded(11, 200_000, FAULTS), Seeded(12, 100_000, lost, on="fence")])
