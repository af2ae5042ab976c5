"""A turn's events on the terminal, as JSON lines, or as one JSON document."""

import dataclasses
import json
import sys
from typing import Any, Protocol, assert_never

from agents.ops.events import (
    Asked,
    Calling,
    CardShown,
    Changed,
    Event,
    Heard,
    Retrying,
    Said,
    Stopped,
    Waiting,
)
from flyball.cli.kit import output
from flyball.cli.kit.output import Tone, guide, note, piece, safe, say, tone

_TONES: dict[str, Tone] = {
    "applied": "good",
    "in_part": "bad",
    "unchanged": "good",
    "simulated": "good",
    "pending": "wait",
    "refused": "bad",
    "failed": "bad",
    "invalid": "bad",
    "in_doubt": "bad",
}


_HEAD, _INDENT = "ops  ▸ ", " " * 7
_UNHELD = ("{} figure is held by no result that it cites", "{} figures are held by no result that they cite")


class Show(Protocol):
    """Where events go."""

    def event(self, event: Event) -> None:
        """One event, as it happens."""

    def done(self, code: int) -> None:
        """The turn is over."""


def chosen(where: str, thread: str, *, lines: bool, document: bool) -> Show:
    """The way of showing that the flags ask for."""
    if document:
        return Document(where, thread)
    return Lines(where, thread) if lines else Terminal(where, live=sys.stdout.isatty())


class Terminal:
    """For a person: cards and, at a terminal, the answer as they come; under it what the turn has changed."""

    def __init__(self, where: str, *, live: bool) -> None:
        self._where, self._live, self._at = where, live, ""

    def event(self, event: Event) -> None:
        if isinstance(event, Heard):
            self._hear(event.text)
            return
        self._line_ends()
        match event:
            case CardShown():
                say(_card(event))
            case Said():
                self._said(event)
            case Waiting():
                _waiting(event)
            case Stopped():
                _stopped(self._where, event)
            case Changed():
                _changed(event)
            case Retrying():
                note(f"{_INDENT}asked again in {event.seconds:.1f} s: {safe(event.what)}")
            case Asked() | Calling():
                return
            case _:
                assert_never(event)

    def done(self, code: int) -> None:
        """Nothing is left to say."""

    def _said(self, event: Said) -> None:
        """The whole answer, where it was not heard; what of it to doubt, always."""
        if not self._live:
            _paragraphs(marked(event))
        if unheld := sum(not one.held for one in event.figures):
            note(f"{_INDENT}{tone('[?]', 'bad')} {_UNHELD[unheld > 1].format(unheld)}")

    def _hear(self, text: str) -> None:
        """A piece of the answer, written where the last one ended."""
        if not self._live:
            return
        for part in text.splitlines(keepends=True):
            words = safe(part.rstrip("\r\n"))
            piece(words if self._at == "within" else (_INDENT if self._at else _HEAD) + words)
            self._at = "within"
            if part.endswith(("\n", "\r")):
                piece("\n")
                self._at = "between"

    def _line_ends(self) -> None:
        if self._at == "within":
            piece("\n")
        self._at = ""


def marked(event: Said) -> str:
    """The answer with `[?]` behind each figure that no result holds which it cites."""
    text = event.text
    for one in reversed(event.figures):
        if not one.held:
            text = f"{text[: one.end]} [?]{text[one.end :]}"
    return text


def _changed(event: Changed) -> None:
    for line in event.lines or ("nothing changed",):
        say(_INDENT + tone(safe(line), "dim"))


def _card(event: CardShown) -> str:
    line = tone(safe(event.card.line), _TONES.get(event.card.status, "plain"))
    record = f"   record {event.card.record}" if event.card.record is not None else ""
    return f"{event.number:>8}  {line}{record}   {tone(f'{event.ms / 1000:.1f} s', 'dim')}"


def _paragraphs(text: str) -> None:
    head = _HEAD
    for line in text.strip().splitlines():
        say(f"{head}{safe(line)}".rstrip())
        head = _INDENT


def _waiting(event: Waiting) -> None:
    handle = safe(event.handle)
    say(f"       {tone('needs approval', 'wait')}  {handle}")
    say(f"         /approve {handle}     /deny {handle} reason     /show {handle}")
    guide(f"  outside of the chat: flyball approve {handle}")


def _stopped(where: str, event: Stopped) -> None:
    if event.error is not None:
        output.error(event.error.what, event.error.where, event.error.hint)
        return
    note(f"{where}  {tone('stopped', 'wait')}  {safe(event.detail)}")


def as_json(event: Event) -> dict[str, Any]:
    """One event, plain: `type` and its fields."""
    found: dict[str, Any] = {"type": _NAMES[type(event)], **_plain(event)}
    return found


_NAMES: dict[type, str] = {
    Heard: "heard",
    Retrying: "retrying",
    Calling: "calling",
    Changed: "changed",
    Asked: "asked",
    Said: "said",
    CardShown: "card",
    Waiting: "waiting",
    Stopped: "stopped",
}


def _plain(event: Event) -> dict[str, Any]:
    fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
    if isinstance(event, CardShown):
        fields["card"] = dataclasses.asdict(event.card)
    if isinstance(event, Said):
        fields["figures"] = [dataclasses.asdict(one) for one in event.figures]
    if isinstance(event, Stopped) and event.error is not None:
        fields["error"] = {"what": event.error.what, "where": event.error.where, "hint": event.error.hint}
    return fields


class Lines:
    """For programs that follow along: one JSON object a line; the last has type `done`."""

    def __init__(self, where: str, thread: str) -> None:
        self._head = {"where": where, "thread": thread}

    def event(self, event: Event) -> None:
        say(json.dumps({**self._head, **as_json(event)}, ensure_ascii=False))

    def done(self, code: int) -> None:
        """One line more: the turn's code."""
        say(json.dumps({**self._head, "type": "done", "exit_code": int(code)}))


class Document:
    """For programs that wait: one document at the end."""

    def __init__(self, where: str, thread: str) -> None:
        self._where, self._thread, self._events = where, thread, list[dict[str, Any]]()
        self._changed = list[str]()

    def event(self, event: Event) -> None:
        if isinstance(event, Changed):
            self._changed += event.lines
        elif not isinstance(
            event, Heard | Retrying | Calling
        ):  # what only tells of the others while they come
            self._events.append(as_json(event))

    def done(self, code: int) -> None:
        """The document."""
        head = {"kind": "Turn", "where": self._where, "thread": self._thread, "exit_code": int(code)}
        output.document({**head, "changed": self._changed, "events": self._events})
