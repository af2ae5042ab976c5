"""Which declared events hold, by the log: its integers say until when, its records say what."""

from dataclasses import dataclass

from audit.log import Entry, Log
from policies.claim_keys import EVENT
from tools.events.types import Event


@dataclass(frozen=True, slots=True)
class Declared:
    """An event with the record that declares it, and until when it holds by the log (0: it was ended)."""

    event: Event
    entry: Entry
    until_ms: int


async def live_events(log: Log, cluster: str, now_ms: int) -> tuple[Event, ...]:
    """The events of this cluster that hold now or will: not ended, not over. In the order of their beginning."""
    found = [one.event for one in await declared(log, cluster) if now_ms < one.until_ms]
    return tuple(sorted(found, key=lambda event: (event.from_ms, event.name)))


async def declared(log: Log, cluster: str) -> tuple[Declared, ...]:
    """The newest declaration under each name that has not been ended, run out or not."""
    family = EVENT.of(f"{cluster}/")
    stored = {EVENT.name_in(key): until for key, until in (await log.prefixed(family)).items() if until}
    found = [(await newest(log, key), until) for key, until in sorted(stored.items())]
    return tuple(
        Declared(Event.of(e.record.args or {}), e, until)
        for e, until in found
        if e is not None and e.record.resource is not None and e.record.resource.cluster == cluster
    )  # a cluster's name may begin with another's and a `/`


async def newest(log: Log, key: str) -> Entry | None:
    """The newest declaration of the event with that target's key."""
    found = await log.find(kinds=("event.declared",), resource_key=key, newest_first=True, limit=1)
    return found[0] if found else None
