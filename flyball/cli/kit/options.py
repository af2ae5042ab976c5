"""The options that every command has, in one place: `@command` adds them and hands over an `Options`."""

import functools
import inspect
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from flyball.cli.kit.completion import contexts, namespaces, workloads
from flyball.cli.kit.output import document, error, note, safe
from flyball.cli.kit.session import Session, current
from flyball.cli.kit.suggest import remember
from flyball.exits import Exit, Interrupted, Stop, UsageError

if TYPE_CHECKING:
    from asyncio import Task

    from flyball.open_log import Switch
    from flyball.settings import Settings
    from flyball.wiring import App

Format = Literal["table", "json"]
T = TypeVar("T")

Target = Annotated[
    list[str],
    typer.Argument(metavar="KIND/NAME", help="E.g. deploy/web, or deploy web.", autocompletion=workloads),
]
"""The one workload that a command is about, in one word or two; `naming.one` reads it."""

_COMMON: dict[str, Any] = {
    "context": Annotated[
        str | None,
        typer.Option(
            "--context", help="The cluster: sandbox, or a kubeconfig context.", autocompletion=contexts
        ),
    ],
    "namespace": Annotated[
        str | None, typer.Option("-n", "--namespace", help="The namespace.", autocompletion=namespaces)
    ],
    "kubeconfig": Annotated[str | None, typer.Option("--kubeconfig", help="The kubeconfig file.")],
    "state": Annotated[
        str | None, typer.Option("--state", help="The folder of log, sandbox and conversations.")
    ],
    "policies": Annotated[
        str | None, typer.Option("--policies", help="The folder of policy files, added to the shipped base.")
    ],
    "no_base": Annotated[bool, typer.Option("--no-base", help="Leave out the shipped base.")],
    "config": Annotated[Path | None, typer.Option("--config", help="The settings file, flyball.toml.")],
    "output": Annotated[Format, typer.Option("-o", "--output", help="The format: table or json.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show tracebacks.")],
}
_DEFAULTS: dict[str, Any] = {"output": "table", "debug": False, "no_base": False}


_PLACES = ("context", "namespace", "kubeconfig", "state", "policies", "no_base", "config")
"""The common options that say where; a chat has settled that."""


@dataclass(frozen=True)
class Options:
    """What the common options said. `json` is true for `-o json`."""

    flags: Mapping[str, str | None]
    config: Path | None
    output: Format

    @functools.cached_property
    def settings(self) -> "Settings":
        """All settings. Raises UsageError."""
        from flyball.settings import load

        return load(self.flags, self.config)

    @functools.cached_property
    def urgent_settings(self) -> "Settings":
        """The settings for the kill switch: no file of a working folder is in its way. Raises UsageError."""
        from flyball.settings import load

        return load(self.flags, self.config, urgent=True)

    @property
    def json(self) -> bool:
        return self.output == "json"

    def run(self, work: "Callable[[App], Awaitable[T]]", *, for_log: bool = False) -> T:
        """Open log, policy and cluster, do the work, close all of it again; in a chat, on what that has opened.

        `for_log` says that the work needs the log alone: where the cluster is away that is said, and it is done.
        """
        import asyncio

        if (session := current()) is not None:
            return self._within(session, work)

        from flyball.cli.kit.away import warn
        from flyball.cli.kit.verdicts import give_due
        from flyball.wiring import open_app

        terminated = list[bool]()

        async def inside() -> T:
            stop = _cancel(asyncio.current_task(), terminated)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
            async with open_app(self.settings, for_log=for_log) as app:
                if app.away is not None:
                    warn(app.away)
                elif (problem := app.context.policy.problem) is None:
                    await give_due(app)
                else:  # nothing is undone under a policy that allows nothing
                    note(f"the policy does not load, so nothing is allowed: {safe(str(problem.problems[0]))}")
                return await work(app)

        try:
            return asyncio.run(inside())
        except Interrupted:
            raise Stop(Exit.TERMINATED if terminated else Exit.INTERRUPTED) from None
        except (KeyboardInterrupt, asyncio.CancelledError) as e:
            self._after_interrupt()
            raise (e if isinstance(e, KeyboardInterrupt) else Stop(Exit.TERMINATED)) from None

    def _within(self, session: Session, work: "Callable[[App], Awaitable[T]]") -> T:
        """The work, in the loop of the chat that it was typed in; this thread waits for it."""
        try:
            return session.start(_awaited(work(session.app))).result()
        except CancelledError:
            self._after_interrupt()
            raise KeyboardInterrupt from None

    def switch(self, work: "Callable[[Switch], Awaitable[T]]") -> T:
        """Open the log alone: what the kill switch needs, whatever else is broken or unreachable."""
        import asyncio

        from flyball.open_log import open_switch

        async def inside() -> T:
            async with open_switch(self.urgent_settings) as switch:
                return await work(switch)

        return asyncio.run(inside())

    def _after_interrupt(self) -> None:
        """Ends with `in doubt` where a write has begun and its outcome is not recorded."""

        async def look(switch: "Switch") -> int:
            return await switch.in_flight()

        if count := self.switch(look):
            where, hint = f"{count} in flight or in doubt", "do not repeat: flyball audit in-doubt"
            error("interrupted", where, hint)
            if self.json:
                document(
                    {"kind": "Error", "exit_code": int(Exit.IN_DOUBT), "problems": [_three(where, hint)]}
                )
            raise Stop(Exit.IN_DOUBT)


async def _awaited(work: "Awaitable[T]") -> T:
    return await work


def _three(where: str, hint: str) -> dict[str, str]:
    return {"what": "interrupted", "where": where, "hint": hint}


def _inherited(session: Session, shared: Mapping[str, Any]) -> Options:
    """The options of a command that is typed in a chat: the chat's own place, and its own format of output."""
    moved = [name for name in _PLACES if shared.get(name)]
    if moved:
        what, hint = (
            f"a command in a chat stays at {session.app.place}",
            "leave it out, or begin a chat there",
        )
        raise UsageError(what, where=", ".join(f"--{name.replace('_', '-')}" for name in moved), hint=hint)
    return Options(session.flags, session.config, shared.get("output", "table"))


def _cancel(task: "Task[Any] | None", terminated: list[bool]) -> Callable[[], None]:
    """SIGTERM ends a command as Ctrl-C does: what has begun to be written ends first."""

    def stop() -> None:
        terminated.append(True)
        if task is not None:
            task.cancel()

    return stop


def command(function: Callable[..., T]) -> Callable[..., T]:
    """Give a command the common options; its first parameter receives them as an Options."""
    own = list(inspect.signature(function).parameters.values())[1:]
    theirs = _COMMON.keys() - {p.name for p in own}
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(name), annotation=kind)
        for name, kind in _COMMON.items()
        if name in theirs
    ]

    @functools.wraps(function)
    def wrapped(**given: Any) -> T:
        from flyball.settings import TABLE

        shared = {name: given.pop(name) for name in theirs if name in given}
        if (session := current()) is not None:
            remember(given | {name: flag for name, flag in session.flags.items() if flag})
            return function(_inherited(session, shared), **given)
        remember(given | shared)
        if shared.get("debug"):
            os.environ["FLYBALL_DEBUG"] = "1"
        flags = {s.name: shared.get(s.name) for s in TABLE}
        flags["base"] = "no" if shared.get("no_base") else None
        return function(Options(flags, shared.get("config"), shared.get("output", "table")), **given)

    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    wrapped.__signature__ = inspect.Signature(keyword + common)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in keyword + common}
    return wrapped
