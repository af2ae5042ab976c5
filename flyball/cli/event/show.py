"""Events as people and programs read them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from base.durations import written
from flyball.cli.kit.instants import instant
from flyball.cli.kit.output import safe

if TYPE_CHECKING:
    from tools.events.live import Declared
    from tools.events.types import Event

TITLES = ("NAME", "STATE", "FROM", "TO", "AT-LEAST", "SELECTS", "BY", "RECORD")


def lines(event: "Event") -> list[str]:
    """The event in a few lines: what is asked about, and what `show` prints."""
    most = f", at most {times(event.at_most_ppm)}" if event.at_most_ppm else ""
    selected = event.args["selector"] or "every workload"
    return [
        f"event {event.name}  {safe(event.title)}",
        f"  of     {event.namespace}: {selected}",
        f"  from   {local(event.from_ms)}   for {written((event.to_ms - event.from_ms) // 1000, 2)}",
        f"  to     {local(event.to_ms)}",
        f"  load   at least {times(event.at_least_ppm)} of what is forecast{most}; only raises floors",
        *([f"  words  {safe(event.words)}"] if event.words else []),
    ]


def row(one: "Declared", now_ms: int) -> tuple[object, ...]:
    """The event's line of `flyball event list`."""
    e = one.event
    return (
        e.name, state(one, now_ms), local(e.from_ms), local(e.to_ms), times(e.at_least_ppm),
        e.args["selector"] or "(all)", e.source, one.entry.seq,
    )  # fmt: skip


def state(one: "Declared", now_ms: int) -> str:
    """`upcoming`, `on`, or `over` (also where somebody ended it)."""
    if one.until_ms <= now_ms:
        return "over"
    return "on" if one.event.from_ms <= now_ms else "upcoming"


def as_item(one: "Declared", now_ms: int) -> dict[str, Any]:
    """The event in a document; times in UTC, factors in millionths."""
    e = one.event
    told = {**e.model_dump(mode="json"), "from": instant(e.from_ms), "to": instant(e.to_ms)}
    return {**told, "state": state(one, now_ms), "record": one.entry.seq}


def times(ppm: int) -> str:
    """A factor as it is written: `3x`, `2.5x`."""
    return f"{ppm / 1_000_000:.3f}".rstrip("0").rstrip(".") + "x"


def local(ms: int) -> str:
    """An instant with its day, in the local zone: `2026-11-27 06:00 CET`."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")
