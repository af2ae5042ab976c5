"""A turn's events on the terminal, as JSON lines, or as one JSON document."""

import dataclasses
import json
from typing import Any, Protocol, assert_never

from agents.ops.events import Asked, CardShown, Event, Said, Stopped, Waiting
from flyball.cli.kit import output
from flyball.cli.kit.output import Tone, guide, note, safe, say, tone

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
    return Lines(where, thread) if lines else Terminal(where)


class Terminal:
    """For a person: cards as they come, then the answer."""

    def __init__(self, where: str) -> None:
        self._where = where

    def event(self, event: Event) -> None:
        match event:
            case CardShown():
                say(_card(event))
            case Said():
                _paragraphs(event.text)
            case Waiting():
                _waiting(event)
            case Stopped():
                _stopped(self._where, event)
            case Asked():
                return
            case _:
                assert_never(event)

    def done(self, code: int) -> None:
        """Nothing is left to say."""


def _card(event: CardShown) -> str:
    line = tone(safe(event.card.line), _TONES.get(event.card.status, "plain"))
    record = f"   record {event.card.record}" if event.card.record is not None else ""
    return f"{event.number:>8}  {line}{record}   {tone(f'{event.ms / 1000:.1f} s', 'dim')}"


def _paragraphs(text: str) -> None:
    head = "ops  ▸ "
    for line in text.strip().splitlines():
        say(f"{head}{safe(line)}".rstrip())
        head = " " * 7


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

    def event(self, event: Event) -> None:
        self._events.append(as_json(event))

    def done(self, code: int) -> None:
        """The document."""
        head = {"kind": "Turn", "where": self._where, "thread": self._thread, "exit_code": int(code)}
        output.document({**head, "events": self._events})
