"""The same deed leaves the same trail, whoever the front end is: through the library (what a server or a scheduler
calls), and through the command line. Compared are kinds, actors, labels and arguments, less ids, digests and times.
"""

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agents.models.endpoint import Endpoint
from agents.tuner.hpa_formula import HpaFormula
from agents.tuner.strategy import Aim
from flyball.cli.main import main
from flyball.open_chat import open_chat
from flyball.settings import load
from flyball.tuning_pass import apply_plan, tune
from flyball.wiring import App, open_app
from tests.kit.scripted_model import Step, call, say, scale, serving

_OURS = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(r-)?[0-9a-f]{12,64}(\.\d+)?\b")
"""Run ids, request ids, digests, ids of messages, the cluster's UID."""

CHATS: dict[str, list[Step]] = {
    "answered": [say("hello")],
    "changed": [call("list_workloads"), scale("deployment/web", 6), say("done")],
    "refused": [scale("deployment/web", 60), say("no")],
    "waits": [scale("deployment/web", 15)],
    "no tool": [call("rm_rf"), say("sorry")],
    "budget": [call("list_workloads")],
    "model away": [Step(status=401)],
    "nothing said": [Step(text="")],
}


def settings(state: Path) -> dict[str, str | None]:
    return {"context": "sandbox", "state": str(state / "state"), "pinned": str(state / "pinned")}


def library(state: Path, work: Callable[[App], Awaitable[object]]) -> list[dict[str, Any]]:
    """Do the work on an installation in `state`, with no command line in sight; the trail."""

    async def go() -> list[dict[str, Any]]:
        async with open_app(load(settings(state))) as app:
            await work(app)
            return [told(entry.record.model_dump(mode="json")) for entry in await app.log.find()]

    return asyncio.run(go())


def trail(state: Path) -> list[dict[str, Any]]:
    async def nothing(_: App) -> None:
        return None

    return library(state, nothing)


_TIMES = re.compile(r'"(\w*ms)": \d+')
_TOLD = ("kind", "actor", "mode", "reason", "args", "labels", "decision", "outcome")


def told(record: dict[str, Any]) -> dict[str, Any]:
    """What a record says of who did what; ids and instants are those of each run."""
    kept = {name: record[name] for name in _TOLD}
    kept["of a run"] = record["run_id"] is not None
    kept["tool"] = (record["tool"] or {}).get("name")
    text = _OURS.sub("ID", _TIMES.sub(r'"\1": 0', json.dumps(kept, sort_keys=True)))
    plain: dict[str, Any] = json.loads(text)
    return plain


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """`cli(*words)`: the trail of one command in a sandbox of its own."""
    for name in [n for n in os.environ if n.startswith("FLYBALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, url: str = "") -> list[dict[str, Any]]:
        state = tmp_path / "cli"
        for name, value in settings(state).items():
            monkeypatch.setenv(f"FLYBALL_{name.upper()}", value or "")
        if url:
            monkeypatch.setenv("FLYBALL_MODEL_URL", url)
            monkeypatch.setenv("FLYBALL_MODEL_NAME", "scripted")
        main(list(words))
        return trail(state)

    return run


@pytest.mark.parametrize("name", CHATS)
def test_a_chat(name: str, tmp_path: Path, cli: Callable[..., list[dict[str, Any]]]) -> None:
    async def talk(app: App) -> None:
        async with open_chat(app, Endpoint(model.url, "scripted", ""), "live") as ops:
            async for _ in ops.turn("t1", "do it"):
                pass

    with serving(CHATS[name]) as model:
        ours = library(tmp_path / "library", talk)
    with serving(CHATS[name]) as model:
        theirs = cli("chat", "--thread", "t1", "-m", "do it", url=model.url)
    assert ours == theirs
    assert {r["actor"]["id"] for r in ours if r["actor"]["type"] == "agent"} <= {"agent:ops"}
    assert any(r["kind"] in ("model.call", "annotation") for r in ours)


@pytest.mark.parametrize("flag", ["--yes", "--dry-run"])
def test_a_tuning_pass(flag: str, tmp_path: Path, cli: Callable[..., list[dict[str, Any]]]) -> None:
    async def passed(app: App) -> None:
        tuned = await tune(app, HpaFormula(Aim(80)))
        if flag == "--yes":
            assert tuned.plan is not None
            await apply_plan(app, tuned.plan)

    ours = library(tmp_path / "library", passed)
    assert ours == cli("tune", "run", flag)
    begun = [r for r in ours if r["kind"] == "run.started"]
    assert begun[0]["args"] == {
        "namespaces": ["shop"], "strategies": {"hpa-formula": "3"}, "choice": "first-change", "cpu_percent": 80,
        "agent": "agent:tuner",
        "risk_ppm": 20_000,
    }  # fmt: skip
    assert len(begun) == (2 if flag == "--yes" else 1), "the application of a plan is a run of the person's"
    who = {
        r["actor"]["id"] for r in ours if r["of a run"] and r["kind"] not in ("run.started", "run.finished")
    }
    assert who == {"agent:tuner"}
