"""The typed door: code's proposal and a model's call of the same leave the same records, meet the same gate, and
nothing that is not a valid argument model comes through.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from policies.types import Mode
from tests.kit.installation import App, ask, installation, replicas, scale
from tools.arguments import Args, ScaleArgs
from tools.path.outcome import Applied, Pending, Refused, Simulated
from tools.toolbox.port import Answer, TypedCall

WEB = "deployment/web"


def to(count: int, workload: str = WEB, current: int | None = None) -> ScaleArgs:
    return ScaleArgs(workload=workload, replicas=count, current_replicas=current)


async def propose(app: App, args: Args, *, action: str = "scale", **given: Any) -> Answer:
    usual: dict[str, Any] = {
        "principal": app.agent("agent:ops", "s-1"), "namespace": "shop", "mode": "live", "request_id": "a" * 40,
    }  # fmt: skip
    return await app.toolbox.propose(TypedCall(action, args, **{**usual, **given}))


_WORLD = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""UIDs: each sandbox has its own."""
_INSTANT = re.compile(r'"expires_ms": \d+')


async def trail(app: App) -> list[dict[str, Any]]:
    """The records, less what names this log, this world and this instant."""
    own = {"id", "ts", "world_ts", "mono_us", "boot_id", "parents", "view_digest", "observation", "claims"}
    records = [entry.record.model_dump(mode="json", exclude=own) for entry in await app.log.find()]
    told = [json.loads(_INSTANT.sub('"expires_ms": 0', _WORLD.sub("UID", json.dumps(r)))) for r in records]
    return [r for r in told if r["kind"] not in ("log.opened", "policy.changed")]


@pytest.mark.parametrize("mode", ["live", "dry_run"])
@pytest.mark.parametrize("count", [6, 60, 15])
def test_both_doors_lead_to_the_same_trail_and_the_same_card(tmp_path: Path, count: int, mode: Mode) -> None:
    async def run() -> None:
        async with installation(tmp_path / "typed") as app:
            typed, ours = (await propose(app, to(count), mode=mode)).card, await trail(app)
        async with installation(tmp_path / "raw") as app:
            given = {"principal": app.agent("agent:ops", "s-1"), "request_id": "a" * 40, "mode": mode}
            raw, theirs = await ask(app, "scale", scale(count), **given), await trail(app)
        assert ours == theirs
        assert [r["kind"] for r in ours]
        assert typed == raw

    asyncio.run(run())


def test_the_answer_is_the_paths_own_result(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            ends = [
                (60, "live", Refused),
                (15, "live", Pending),
                (6, "dry_run", Simulated),
                (6, "live", Applied),
            ]
            for at, (count, mode, kind) in enumerate(ends):
                found = await propose(app, to(count), mode=mode, request_id=f"{at:040d}")
                assert isinstance(found.result, kind)
                assert found.card.record == found.result.record
                assert found.result.decision is None or found.result.decision.permit is None
            assert await replicas(app) == 6

    asyncio.run(run())


class Twin(Args):
    """The fields of `scale` under another name."""

    workload: str
    replicas: int
    current_replicas: int | None


class Wider(ScaleArgs):
    """More than the action takes."""

    force: bool


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("scale", Twin(workload=WEB, replicas=6, current_replicas=None)),
        ("scale", Wider(workload=WEB, replicas=6, current_replicas=None, force=True)),
        ("restart", to(6)),
        ("undo", to(6)),
        ("delete", to(6)),
        ("describe_workload", to(6)),
        ("scale", to(6, "pod/web")),
        ("scale", to(6, "deployment/Web ")),
        ("scale", ScaleArgs.model_construct(workload=WEB, replicas="6", current_replicas=None)),
        ("scale", ScaleArgs.model_construct(workload=WEB, replicas=-6, current_replicas=None)),
        ("scale", ScaleArgs.model_construct(workload=object(), replicas=6, current_replicas=None)),
        ("scale", ScaleArgs.model_construct(workload="deployment/\ud800", replicas=6, current_replicas=None)),
    ],
)
def test_what_is_not_the_actions_own_model_is_no_request(tmp_path: Path, action: str, args: Args) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            found = await propose(app, args, action=action)
            assert found.card.status in ("invalid", "refused")
            assert json.loads(found.card.text)["status"] == found.card.status
            assert await replicas(app) == 4
            kinds = [entry.record.kind for entry in await app.log.find()]
            assert "action.intent" not in kinds
            assert {"tool.rejected", "policy.decision"} & set(kinds)

    asyncio.run(run())


def test_without_a_namespace_nothing_is_guessed(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            assert (await propose(app, to(6), namespace=None)).card.status == "invalid"

    asyncio.run(run())
