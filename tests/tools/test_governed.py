"""The toolbox: what a model gets back for each end of a call, and that it never gets an exception for its mistake."""

import asyncio
import json
from pathlib import Path
from typing import Any

from flyball.cli.output import safe
from tests.security.kit import App, ask, installation, scale
from tools.governed import printable

ENDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "ok": ("describe_workload", {"workload": "deployment/web"}, "ok"),
    "applied": ("scale", scale(8), "applied"),
    "refused": ("scale", scale(60), "refused"),
    "pending": ("scale", scale(15), "pending"),
    "invalid": ("scale", {}, "invalid"),
    "failed": ("describe_workload", {"workload": "deployment/none"}, "failed"),
    "precondition": ("scale", {**scale(5), "current_replicas": 3}, "failed"),
    "owner": ("scale", scale(5, "deployment/payments"), "refused"),
}


def test_a_card_says_how_it_ended_to_model_and_person(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for name, (tool, arguments, status) in ENDS.items():
                card = await ask(app, tool, arguments)
                assert card.status == status, name
                assert json.loads(card.text)["status"] == status
                assert safe(card.line) == card.line
                assert (card.handle is not None) == (status == "pending")
                assert card.record is not None or status in ("ok", "failed"), name

    asyncio.run(run())


def test_a_refusal_tells_the_model_what_is_allowed(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            told = json.loads((await ask(app, "scale", scale(60))).text)
            room = {"dimension": "replicas", "low": 2, "high": 9, "without_approval": True}
            assert room in told["allowed_now"]
            assert told["stage"] == "limits"

    asyncio.run(run())


def test_a_pending_card_says_that_the_model_cannot_approve(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            assert "you cannot" in (await ask(app, "scale", scale(15))).text

    asyncio.run(run())


def test_a_rejected_call_does_not_take_its_id(tmp_path: Path) -> None:
    """What was no request cannot be another one under the same id: a turn that is resumed may send it right."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            assert (await ask(app, "scale", {}, request_id="a" * 40)).status == "invalid"
            assert (await ask(app, "scale", scale(8), request_id="a" * 40)).status == "applied"

    asyncio.run(run())


def test_the_same_call_again_is_replayed_and_not_repeated(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            cards = [await ask(app, "scale", scale(8), request_id="a" * 40) for _ in range(3)]
            assert {card.status for card in cards} == {"applied"}
            assert len({card.record for card in cards}) == 1

    asyncio.run(run())


def test_a_dry_run_is_one_for_every_tool(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            done = await ask(app, "scale", scale(8))
            before = await _version(app)
            for tool, arguments in (("scale", scale(9)), ("undo", {"record": done.record})):
                assert (await ask(app, tool, arguments, mode="dry_run")).status == "simulated"
            assert await _version(app) == before

    asyncio.run(run())


async def _version(app: App) -> list[str]:
    return [w.resource_version for w in await app.context.reader.list_workloads("shop")]


def test_without_a_namespace_nothing_is_guessed(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for tool, arguments, _ in ENDS.values():
                assert (await ask(app, tool, arguments, namespace=None)).status == "invalid"

    asyncio.run(run())


def test_printable_text_is_left_alone_and_the_rest_is_marked() -> None:
    assert printable("scale web 4 -> 8, Größe") == "scale web 4 -> 8, Größe"
    assert printable("a\x1b\n\u202e\ud800b") == "a????b"
