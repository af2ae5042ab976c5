"""What TAB offers for a value: contexts, namespaces, kinds, and the names of workloads.

Only files are read: the kubeconfig, and what a governed read has shown before (`shown`). No cluster is asked, no log
is opened, nothing is recorded. Whatever fails or takes longer than a second offers nothing, and says nothing.
"""

import re
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from flyball.cli.kit.argv import COMPLETE

if TYPE_CHECKING:
    from flyball.place import Place

PATIENCE_S = 1.0
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:/+=-]{0,252}")
"""What is offered: zsh evaluates it, and a kubeconfig may name a context anything."""

Offer = Callable[[typer.Context, str], list[str]]


def script(shell: str) -> str:
    """The shell's function, for its start-up file."""
    from typer._completion_shared import get_completion_script

    return get_completion_script(prog_name="flyball", complete_var=COMPLETE, shell=shell)


def _quiet(find: Callable[["_Here", str], Iterable[str]]) -> Offer:
    """Bounded in time, without a word on any error, and with nothing that a shell would read as more than a word."""

    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            with _at_most(PATIENCE_S):
                found = list(find(_here(ctx), incomplete))
        except (Exception, _TimeIsOver):  # noqa: BLE001 - a prompt shows no error
            return []
        return [one for one in dict.fromkeys(found) if _SAFE.fullmatch(one)]

    return offer


class _TimeIsOver(BaseException):
    """No Exception: a read that is broken off is an unreadable file to the reading code, and would be read again."""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises _TimeIsOver when it is, also out of a read that blocks (a FIFO, a slow mount)."""

    def over(*_: object) -> None:
        raise _TimeIsOver

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True, slots=True)
class _Here:
    """What the words before the cursor say: the settings that they make, and the words of the argument."""

    settings: Any
    words: tuple[str, ...]

    def kubeconfig(self) -> Any:
        """The merged kubeconfig. Raises KubeconfigInvalid."""
        from tools.cluster import kubeconfig

        given = self.settings["kubeconfig"]
        return kubeconfig.read((Path(given),) if given else kubeconfig.locations())

    @property
    def place(self) -> "Place":
        """Where the command would work."""
        from flyball.place import log_place

        return log_place(self.settings)

    @property
    def shown(self) -> dict[str, list[str]]:
        """What was shown of that context, by namespace."""
        from flyball.cli.kit import remembered_names

        return remembered_names.read(self.place.folder, self.place.context)


def _here(ctx: typer.Context) -> _Here:
    from flyball.settings import TABLE, load

    given = ctx.params
    flags = {s.name: given.get(s.name) for s in TABLE}
    words = next((given[name] for name in ("what", "target", "workload") if given.get(name)), ())
    return _Here(load(flags, given.get("config")), tuple(words))


def _contexts(here: _Here, _: str) -> Iterator[str]:
    from tools.cluster.kubeconfig import KubeconfigInvalid

    yield "sandbox"
    try:
        yield from here.kubeconfig().contexts
    except KubeconfigInvalid:
        return


def _namespaces(here: _Here, _: str) -> Iterator[str]:
    yield from sorted({*here.shown, here.place.namespace})


def _workloads(here: _Here, incomplete: str) -> Iterator[str]:
    """KIND/NAME as far as it is typed; behind a kind, names of that kind."""
    from tools.cluster.names import ALIASES

    known = [one.partition("/") for one in here.shown.get(here.place.namespace, [])]
    first, *named = here.words or ("",)
    if first in ALIASES:
        yield from (name for kind, _, name in known if kind == ALIASES[first] and name not in named)
        return
    typed, slash, _ = incomplete.partition("/")
    if slash:
        yield from (f"{typed}/{name}" for kind, _, name in known if kind == ALIASES.get(typed))
        return
    short = {"deployment": "deploy", "statefulset": "sts"}
    if not first:
        yield from short.values()
    yield from (f"{short.get(kind, kind)}/{name}" for kind, _, name in known)


contexts, namespaces, workloads = _quiet(_contexts), _quiet(_namespaces), _quiet(_workloads)
