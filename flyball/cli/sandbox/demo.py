"""`flyball demo`: the real commands on a simulated cluster of its own, one screen a step."""

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flyball.cli.kit.output import note, say
from flyball.cli.sandbox.demo_night import NIGHT
from flyball.cli.sandbox.demo_steps import Step, presenter
from flyball.exits import Exit

app = typer.Typer(help="Show everything in a sandbox of its own. Example: flyball demo --fast")
PAUSE_S = 4.0


ACT = ("act", "scale", "deploy/web", "--yes", "--replicas")
FIRST = (
    Step("Look first: why is it as it is", ("why", "deploy/checkout")),
    Step("Within policy: done, recorded, undoable", (*ACT, "8")),
    Step("Undone: back to the recorded pre-image", ("undo", "--last", "--yes")),
    Step(
        "In place: the running pods, without a restart",
        ("act", "set-resources", "deploy/web", "--cpu-request", "600m", "--in-place", "--yes"),
    ),
    Step("Was it us, and who else", ("changes", "deploy/web", "--since", "2h")),
    Step("Beyond policy: denied, with what is allowed", (*ACT, "60"), Exit.REFUSED),
    Step(
        "Dry-run: the same way, without effect",
        ("act", "scale", "deploy/web", "--replicas", "9", "--dry-run"),
    ),
    Step("A tuning pass: an agent proposes, policy decides", ("tune", "run", "--yes")),
    Step("A bigger step: it waits for a person", (*ACT, "18"), Exit.WAITING),
)
THEN = (
    Step("The kill switch: nothing acts until it is lifted", ("stop", "--reason", "demo")),
    Step("Stopped means stopped", (*ACT, "6"), Exit.REFUSED),
    Step("Lifted again", ("resume",)),
    Step("The log: every record, signed and provable", ("audit", "verify")),
)
NEXT = """three things to try next
  flyball act scale deploy/web --replicas 8      one governed action by hand, in your own sandbox
  flyball sandbox advance 14d                    two weeks of nights in your own; then: flyball tune report
  flyball chat                                   talk to the ops agent (it says how to connect a model)"""


@app.command()
def demo(
    fast: Annotated[bool, typer.Option("--fast", help="Do not wait between the steps.")] = False,
) -> None:
    """Show everything in a sandbox of its own. Example: flyball demo --fast"""
    begun = time.monotonic()
    wait = PAUSE_S if sys.stdout.isatty() and not fast else 0.0
    with _folder() as folder:
        _play(folder, wait)
    say(NEXT)
    steps = len(FIRST) + len(THEN) + len(NIGHT) + 2
    note(f"demo: {time.monotonic() - begun:.1f} s, of it {wait * steps:.0f} s waiting")


def _play(folder: Path, wait: float) -> None:
    run = presenter(folder / "state", wait)
    for step in FIRST:
        run(step)
    run(
        Step(
            "Approved: the vote is bound to exactly that change",
            ("approve", _handle(folder / "state"), "--yes"),
        )
    )
    for step in THEN:
        run(step)
    copy = folder / "tampered"
    shutil.copytree(folder / "state", copy)
    changed = tamper(copy / "sandbox" / "audit.db")
    note(f"(a copy of the log, with record {changed} edited by an attacker who owns the disk)")
    presenter(copy, wait)(
        Step("Tampering: found, with the record's number", ("audit", "verify"), Exit.TAMPERED)
    )
    unattended = presenter(folder / "night", wait)
    for step in NIGHT:
        unattended(step)


def _handle(state: Path) -> str:
    """The handle of the one question that waits, as a person would read it off `flyball pending`."""
    import asyncio

    from flyball.settings import load
    from flyball.wiring import open_app

    async def first() -> str:
        async with open_app(load({"context": "sandbox", "state": str(state)})) as opened:
            return (await opened.approvals.waiting())[0].handle

    return asyncio.run(first())


def tamper(log: Path) -> int:
    """Edit one record as an admin with the file in hand would; returns its number."""
    with sqlite3.connect(log) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f'DROP TRIGGER "{name}"')
        (seq,) = db.execute("SELECT max(seq) FROM audit_entry WHERE verdict = 'deny'").fetchone()
        edit = "UPDATE audit_entry SET body = replace(body, '\"deny\"', '\"allow\"') WHERE seq = ?"
        db.execute(edit, (seq,))
        for _, sql in triggers:
            db.execute(sql)
    db.close()
    return int(seq)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of the demo's own, gone afterwards; the person's settings and state are not touched."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="flyball-demo-") as name:
        for variable in [v for v in os.environ if v.startswith("FLYBALL_")]:
            del os.environ[variable]
        os.environ["FLYBALL_PINNED"] = str(Path(name) / "pinned")
        try:
            yield Path(name)
        finally:
            os.environ.clear()
            os.environ.update(before)
