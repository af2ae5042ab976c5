"""`flyball chat` on the sandbox, with the real gate and log and a scripted model:
-m and its exit codes | -o json | --json | a session with commands | Ctrl-C | no model | what is recorded
"""

import asyncio
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import Flyball
from tests.kit.scripted_model import Step, call, say, scale, serving

ROOT = Path(__file__).resolve().parents[3]


class Terminal(io.StringIO):
    """Lines that somebody types."""

    def isatty(self) -> bool:
        return True


def types(monkeypatch: pytest.MonkeyPatch, *typed: str, terminal: bool = True) -> None:
    text = "".join(line + "\n" for line in typed)
    monkeypatch.setattr(sys, "stdin", Terminal(text) if terminal else io.StringIO(text))


@pytest.mark.parametrize(
    ("steps", "code", "words"),
    [
        ([scale("deployment/web", 6), say("done [1]")], 0, ["applied", "ops  ▸ done [1]"]),
        ([say("hello")], 0, ["hello"]),
        ([scale("deployment/web", 60), say("no")], 3, ["denied", "replicas.max"]),
        ([scale("deployment/web", 60), scale("deployment/web", 6), say("6")], 0, ["denied", "applied"]),
        ([scale("deployment/web", 15), say("never asked")], 4, ["needs approval", "/approve"]),
        ([call("rm_rf"), say("sorry")], 0, ["rm_rf"]),
        ([call("list_workloads")], 1, ["list_workloads"]),
        ([Step(text="half an ans", finish="length")], 1, ["half an ans"]),
        ([Step(body=b'{"error": {"message": "busy", "code": 429}}')], 7, []),
        ([Step(status=503)], 7, []),
        ([Step(status=401)], 1, []),
    ],
)
def test_one_turn_and_its_exit_code(
    flyball: Flyball, steps: Sequence[Step], code: int, words: list[str]
) -> None:
    with serving(steps) as model:
        found, out, err = flyball("chat", "-m", "do it", model=model)
    assert found == code, err
    assert all(word in out for word in words)
    assert "Traceback" not in err


def test_an_endless_caller_is_stopped_and_recorded(flyball: Flyball) -> None:
    with serving([call("list_workloads")]) as model:
        code, _, err = flyball("chat", "-m", "loop", model=model)
        assert "the same again and again" in err
        assert (code, len(model.requests)) == (1, 3)
    records = recorded(flyball)
    assert sum(r["kind"] == "model.call" for r in records) == 3
    (note,) = [r for r in records if r["kind"] == "annotation"]
    assert note["labels"]["stopped"] == "loop"


def recorded(flyball: Flyball) -> list[dict[str, Any]]:
    code, out, err = flyball("audit", "tail", "--lines", "500", "-o", "json")
    assert code == 0, err
    return [item.get("record", item) for item in json.loads(out)["items"]]


def test_each_call_is_the_agents_for_the_human(flyball: Flyball) -> None:
    with serving([scale("deployment/web", 6), say("ok")]) as model:
        flyball("chat", "--thread", "t1", "-m", "6", model=model)
    intents = [r for r in recorded(flyball) if r["kind"] == "action.intent"]
    actor = intents[0]["actor"]
    assert (actor["id"], actor["session"]) == ("agent:ops", "chat-t1")
    assert actor["on_behalf_of"].startswith("human:")


def test_one_document(flyball: Flyball) -> None:
    with serving([scale("deployment/web", 15), say("x")]) as model:
        code, out, _ = flyball("chat", "-m", "15", "-o", "json", model=model)
    found = json.loads(out)
    assert (found["kind"], found["exit_code"], code) == ("Turn", 4, 4)
    assert [e["type"] for e in found["events"]] == ["asked", "card", "waiting"]
    assert found["events"][1]["card"]["status"] == "pending"
    assert found["changed"] == [f"waits for a person: scale deployment/web {found['events'][-1]['handle']}"]


def test_lines_of_events(flyball: Flyball) -> None:
    with serving([say("hello")]) as model:
        _, out, _ = flyball("chat", "-m", "hi", "--json", model=model)
    assert [json.loads(line)["type"] for line in out.splitlines()] == [
        "heard", "asked", "said", "changed", "done",
    ]  # fmt: skip


def test_dry_run(flyball: Flyball) -> None:
    with serving([scale("deployment/web", 6), say("would")]) as model:
        code, out, _ = flyball("chat", "-m", "6", "--dry-run", model=model)
        assert code == 0
        assert "would" in out
        assert "Mode: dry_run" in model.requests[0]["messages"][0]["content"]
    assert not [r for r in recorded(flyball) if r["kind"] == "action.intent" and r["mode"] == "live"]


def test_no_model_says_how_to_connect_one(flyball: Flyball) -> None:
    code, out, err = flyball("chat", "-m", "hi")
    assert (code, out) == (2, "")
    assert "FLYBALL_MODEL_URL" in err


def test_a_session(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([scale("deployment/web", 15), say("web has 15 [1]")]) as model:
        types(monkeypatch, "15 please", "yes", "/threads", "/show 1", "/nope", "/help")
        code, out, err = flyball("chat", "--thread", "t", model=model)
        assert code == 0, err
        handle = re.search(r"/approve ([0-9a-f]{8,})", out)
        assert handle is not None
        assert "text approves nothing" in err
        assert "waits:" in out
        assert '"status": "pending"' in out
        assert "/nope is not a command" in err
        assert len(model.requests) == 1

        types(
            monkeypatch,
            f"/show {handle[1]}",
            f"/approve {handle[1]}",
            "n",
            f"/approve {handle[1]}",
            "y",
            "and?",
        )
        code, out, err = flyball("chat", "--thread", "t", model=model)
        assert code == 0, err
        assert "nothing was done" in err
        assert "4 -> 15" in out
        assert "ops  ▸ web has 15 [?] [1]" in out, "the result waits for a person, and holds no 15"
        assert "nothing changed" in out
        heard = model.requests[-1]["messages"][-1]["content"]
        assert heard.startswith("and?")
        assert f"approved {handle[1]}" in heard


def test_nobody_at_the_terminal_approves_nothing(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([scale("deployment/web", 15), say("x")]) as model:
        code, out, _ = flyball("chat", "-m", "15", "-o", "json", model=model)
        handle = json.loads(out)["events"][-1]["handle"]
        types(monkeypatch, f"/approve {handle}", "y", terminal=False)
        code, out, err = flyball("chat", model=model)
        assert code == 2
        assert f" approve {handle}" in err
    assert not [r for r in recorded(flyball) if r["kind"] == "approval.granted"]


def test_declining(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([scale("deployment/web", 15), say("understood")]) as model:
        _, out, _ = flyball("chat", "--thread", "t", "-m", "15", "-o", "json", model=model)
        handle = json.loads(out)["events"][-1]["handle"]
        types(monkeypatch, f"/deny {handle} too many", "well?")
        code, out, err = flyball("chat", "--thread", "t", model=model)
        assert code == 0, err
        assert "declined" in out
        assert f"declined {handle}" in model.requests[-1]["messages"][-1]["content"]


def test_ctrl_c_cancels_the_turn(tmp_path: Path) -> None:
    gated = Step(calls=scale("deployment/web", 6).calls, gate=asyncio.Event())
    with serving([gated]) as model:
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "FLYBALL_MODEL_URL": model.url, "FLYBALL_MODEL_NAME": "scripted",
            "FLYBALL_STATE": str(tmp_path / "s"), "FLYBALL_PINNED": str(tmp_path / "k"), "FLYBALL_CONTEXT": "sandbox",
        }  # fmt: skip
        command = [sys.executable, "-m", "flyball", "chat", "-m", "6"]
        with subprocess.Popen(
            command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        ) as process:
            while not model.requests and process.poll() is None:
                os.sched_yield()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert "cancelled by the person" in err


def test_ctrl_c_at_the_prompt_only_clears_the_line(tmp_path: Path) -> None:
    with serving([say("still here")]) as model:
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "FLYBALL_MODEL_URL": model.url, "FLYBALL_MODEL_NAME": "scripted",
            "FLYBALL_STATE": str(tmp_path / "s"), "FLYBALL_PINNED": str(tmp_path / "k"), "FLYBALL_CONTEXT": "sandbox",
            "TERM": "dumb",
        }  # fmt: skip
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, [sys.executable, "-m", "flyball", "chat"], environment)
        seen = typed(terminal, [("▸ ", "\x03"), ("Ctrl-D leaves\r\n", "hi\n"), ("still here", "\x04")])
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, seen


def typed(terminal: int, script: Sequence[tuple[str, str]]) -> str:
    """Type each text once its cue has been shown; everything that was shown.

    A text whose cue does not come is typed again: a signal just before the child's read() is only seen after it.
    """
    seen, new, left, last = "", "", list(script), ""
    for _ in range(120):
        if not select.select([terminal], [], [], 0.5)[0]:
            os.write(terminal, last.encode())
            continue
        try:
            chunk = os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        seen, new = seen + chunk, new + chunk
        if left and left[0][0] in new:
            last, new = left.pop(0)[1], ""
            os.write(terminal, last.encode())
    return seen


def test_help_costs_neither_langgraph_nor_openai() -> None:
    code = (
        "import sys, flyball.cli.chat.command, flyball.cli.tune.commands, agents.models.endpoint\n"
        "heavy = {'langgraph', 'openai', 'kubernetes', 'pydantic', 'langsmith'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
