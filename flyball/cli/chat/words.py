"""What a person types in a chat, as a command of the command line: `/scale web 6`, or one of a few plain sentences.

The tables are closed: what is in neither is no command, and nothing is guessed.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flyball.cli.kit.usage_errors import like
from flyball.exits import UsageError

Words = Sequence[str]
Own = Mapping[str, tuple[str, str]]
"""Commands of a chat itself: how they are written, and what they do."""
NAME = "\0"
"""Marks a word that names a workload, perhaps without its kind; the session finds that by its list."""


@dataclass(frozen=True, slots=True)
class Slash:
    """A command: how it is written, what it does, and what it is on the command line."""

    usage: str
    meaning: str
    build: Callable[[list[str]], Words]


def _plain(*words: str) -> Callable[[list[str]], Words]:
    return lambda given: [*words, *given]


def _about(*words: str) -> Callable[[list[str]], Words]:
    """A command about the workload that is named first."""

    return lambda given: [*words, *_named(given, 0)]


def _named(given: list[str], place: int) -> Words:
    """The words, the one at that place marked as a workload's name, unless it is an option."""
    return [NAME + word if at == place and word[:1] != "-" else word for at, word in enumerate(given)]


def _scale(given: list[str]) -> Words:
    if len(given) < 2 or not given[1].isdecimal():
        raise UsageError("/scale wants a workload and a number of replicas", hint="/scale web 6")
    return ["act", "scale", NAME + given[0], "--replicas", given[1], *given[2:]]


def _resize(given: list[str]) -> Words:
    """`/resize web cpu-request=250m`: each NAME=VALUE is an option."""
    if len(given) < 2:
        raise UsageError("/resize wants a workload and what to set", hint="/resize web cpu-request=250m")
    options = [f"--{word}" if "=" in word and word[:1] != "-" else word for word in given[1:]]
    return ["act", "set-resources", NAME + given[0], *options]


def _undo(given: list[str]) -> Words:
    named = any(word.isdecimal() or word in ("--last", "--run") for word in given)
    return ["undo", *([] if named else ["--last"]), *given]


def _explain(given: list[str]) -> Words:
    return ["policy", "explain", *_named(given, 1)]


def _events(given: list[str]) -> Words:
    return ["event", *(given or ["list"])]


def _tune(given: list[str]) -> Words:
    return ["tune", *(given or ["status"])]


SLASH: Mapping[str, Slash] = {
    "status": Slash("/status", "what is stopped, waits or is in doubt", _plain("status")),
    "get": Slash("/get [W…]", "the workloads, with what they use", _plain("get")),
    "describe": Slash("/describe W", "one workload: spec, pods, figures, events", _about("describe")),
    "why": Slash("/why W", "why it is as it is, the worst first", _about("why")),
    "changes": Slash("/changes W", "who changed it: Flyball and others", _about("changes")),
    "metrics": Slash("/metrics W", "each of its figures, and whether the source answers", _about("metrics", "check")),
    "forecast": Slash("/forecast", "what is foreseen: leaks, disks, saturation", _plain("sentinel", "status")),
    "scale": Slash("/scale W N", "set its replicas", _scale),
    "resize": Slash("/resize W NAME=VALUE…", "set its requests and limits, e.g. cpu-request=250m", _resize),
    "restart": Slash("/restart W", "restart its pods, one after the other", _about("act", "restart")),
    "undo": Slash("/undo [RECORD]", "put back your newest change, or the one of that record", _undo),
    "tune": Slash("/tune [run --dry-run]", "the tuning agents, or a pass now", _tune),
    "pending": Slash("/pending", "what waits for a person", _plain("pending")),
    "edit": Slash("/edit H NAME=VALUE…", "ask for another figure in place of one that waits", _plain("edit")),
    "explain": Slash("/explain RUN [W]", "why a tuning run chose what it chose", _plain("tune", "explain")),
    "events": Slash("/events", "the load that was declared beforehand", _events),
    "record": Slash("/record N", "one record of the log, such as a refusal, in full", _plain("audit", "show")),
    "can-i": Slash("/can-i ACTION W…", "what policy would say of an action, stage by stage", _explain),
}  # fmt: skip
"""The chat's commands that are commands of the command line; `chat/commands.py` has those of the chat itself."""

_W = r"(?P<w>(?:[a-z]+/)?[a-z0-9][-.a-z0-9]*)"

SENTENCES: Sequence[tuple[str, str, Callable[[re.Match[str]], Words]]] = (
    ("scale web to 6", rf"(?:please )?(?:scale|set) {_W} to (?P<n>\d+)(?: replicas| pods)?",
     lambda m: _scale([m["w"], m["n"]])),
    ("restart web", rf"(?:please )?restart {_W}", lambda m: ["act", "restart", NAME + m["w"]]),
    ("why is web slow", rf"why is {_W}(?: so)? (?:slow|down|failing|broken|not ready|throttled|restarting|crashing)",
     lambda m: ["why", NAME + m["w"]]),
    ("what is wrong with web", rf"what(?:'s| is) wrong with {_W}", lambda m: ["why", NAME + m["w"]]),
    ("how is web", rf"(?:how is|how's|describe|show(?: me)?) {_W}", lambda m: ["describe", NAME + m["w"]]),
    ("who changed web", rf"(?:who changed|what changed (?:in|on|with|for)) {_W}",
     lambda m: ["changes", NAME + m["w"]]),
    ("list workloads", r"(?:list|show|get)(?: me)?(?: the| all)? workloads", lambda _: ["get"]),
    ("what waits", r"what(?:'s| is)? ?(?:waits|waiting|pending)(?: for me)?", lambda _: ["pending"]),
    ("undo that", r"(?:please )?(?:undo|revert) (?:that|it|this|(?:the|my) last change)", lambda _: _undo([])),
    ("status", r"status|how are (?:things|we)", lambda _: ["status"]),
)  # fmt: skip
"""The plain sentences that are understood without a model: an example, the pattern, and the command."""


def slash(name: str, rest: str) -> Words | None:
    """The words of `/name rest`; None where it is no command of the command line. Raises UsageError."""
    found = SLASH.get(name)
    return found.build(split(rest)) if found else None


def sentence(line: str) -> Words | None:
    """The words of a plain sentence; None where it is none that is known. Case, blanks and the last mark are free."""
    plain = re.sub(r"\s+", " ", line.strip().lower()).rstrip(" .!?")
    for _, pattern, build in SENTENCES:
        if found := re.fullmatch(pattern, plain):
            return build(found)
    return None


def split(rest: str) -> list[str]:
    """The words as a shell would take them. Raises UsageError for a quote without its end."""
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise UsageError(
            f"the line cannot be read: {error}", hint='quotes come in pairs: --reason "a b"'
        ) from error


def helped(own: Own) -> list[str]:
    """The commands of the command line and the chat's `own`, and what they do, a line each."""
    rows = [*((one.usage, one.meaning) for one in SLASH.values()), *own.values()]
    wide = max(len(usage) for usage, _ in rows)
    return [f"{usage:<{wide}}  {meaning}" for usage, meaning in rows]


def no_command(name: str, own: Own) -> UsageError:
    """`/name` is in neither table: the one that was meant, else the help."""
    near = nearest(name, (*SLASH, *own))
    return UsageError(f"/{name[:64]} is not a command", hint=f"did you mean /{near}?" if near else "/help")


def nearest(line: str, names: Sequence[str]) -> str:
    """The command whose name is like a word of the line, or nothing."""
    words = re.findall(r"[a-z-]{3,}", line.lower())[:40]
    return next((found for word in words if (found := word if word in names else like(word, names))), "")
