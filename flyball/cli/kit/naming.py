"""How workloads are named on the command line, as kubectl takes it: `deploy/web`, `deploy web`, `deploy a b`.

Which words are kinds is a closed list (tools.cluster.names). The commands that look at one workload, or change it,
want its kind; `get` also takes bare names and finds their kinds in a governed list.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flyball.cli.kit.usage_errors import like, quoted
from flyball.exits import UsageError
from tools.cluster.names import ALIASES, SHORT

EVERY = ("all", "workloads")
"""What `get` takes for every kind."""


@dataclass(frozen=True, slots=True)
class Named:
    """What `get` was asked for: one kind or (None) every one, or workloads. `names` are KIND/NAME; `bare` are names
    whose kind is not said."""

    kind: str | None = None
    names: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()

    @property
    def single(self) -> bool | None:
        """Whether one workload is named, or several; None where none is."""
        count = len(self.names) + len(self.bare)
        return count == 1 if count else None


def one(words: Sequence[str]) -> str:
    """KIND/NAME of the one workload that the words name. Raises UsageError."""
    found = parse(words)
    if len(found.names) == 1:
        return found.names[0]
    if len(found.bare) == 2:
        _kind(found.bare[0])
    if len(words) > 1:
        raise UsageError(f"{_list(words)} are several workloads", hint="name one: deploy/web, or deploy web")
    if found.bare:
        name = found.bare[0]
        near = like(name, ALIASES)
        did = f"did you mean {near}/NAME? " if near else ""
        raise UsageError(f"{quoted(name)} has no kind", hint=f"{did}write deploy/{name} or sts/{name}")
    raise UsageError(f"{_list(words)} names no workload", hint="name one: deploy/web, or deploy web")


def parse(words: Sequence[str]) -> Named:
    """The words of `get`. Raises UsageError for an unknown kind, for both ways of naming at once, and for a workload
    that is named twice."""
    if not words:
        return Named()
    slashed = [word for word in words if "/" in word]
    if slashed:
        return Named(names=_slashed(words, slashed))
    first, *rest = words
    if first in EVERY and not rest:
        return Named()
    if first in ALIASES:
        names = tuple(f"{ALIASES[first]}/{name}" for name in _distinct(rest))
        return Named(kind=ALIASES[first], names=names)
    return Named(bare=_distinct(words))


def kinds_of(bare: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """KIND/NAME of each bare name, among the workloads that may be seen. Raises UsageError where a name is nobody's,
    or is that of two."""
    found = list(known)
    return tuple(_kind_of(name, found, alone=len(bare) == 1) for name in bare)


def _kind_of(name: str, known: Sequence[str], *, alone: bool) -> str:
    fits = [one for one in known if one.partition("/")[2] == name]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise UsageError(f"{quoted(name)} names {' and '.join(fits)}", hint=f"write {' or '.join(fits)}")
    near = like(name, [*ALIASES, *(one.partition("/")[2] for one in known)])
    did = f"did you mean {near}? " if near else ""
    either = "neither a kind nor a workload here" if alone else "not a workload here"
    hint = f"{did}write deploy/NAME, deploy NAME, or a kind: {SHORT}"
    raise UsageError(f"{quoted(name)} is {either}", hint=hint)


def _slashed(words: Sequence[str], slashed: Sequence[str]) -> tuple[str, ...]:
    """KIND/NAME each, with the kind's own name. Raises UsageError."""
    if plain := [word for word in words if "/" not in word]:
        what = f"{quoted(slashed[0])} names its kind and {quoted(plain[0])} does not"
        raise UsageError(what, hint="write deploy/a deploy/b, or deploy a b")
    return _distinct([f"{_kind(kind)}/{name}" for kind, _, name in (word.partition("/") for word in words)])


def _kind(word: str) -> str:
    if word in ALIASES:
        return ALIASES[word]
    near = like(word, ALIASES)
    hint = f"did you mean {near}? " if near else ""
    raise UsageError(f"{quoted(word)} is not a kind of workload", hint=f"{hint}kinds: {SHORT}")


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{quoted(name)} is named twice", hint="name each workload once")
    return tuple(names)


def _list(words: Sequence[str]) -> str:
    return " ".join(map(quoted, words[:3]))
