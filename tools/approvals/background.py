"""What stands behind a question, for whoever answers it: who asks, by which rule, and what that session has read.

The asker's own words are left out on purpose: a model argues well. What its session was told is a fact of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.log import Entry
from base.text import harmless
from policies.claim_keys import TAINT
from policies.types import Principal
from tools.path.context import Context

_LOOKED_AT = 512
"""Records of reads that are looked at, the newest."""
MOST = 12
"""Reads that are shown, the newest."""


@dataclass(frozen=True, slots=True)
class Background:
    """`asker` in words, `rules` that want the vote; `tainted_ms` is when the session last read untrusted text (0:
    never), `read` what it has read, the newest first."""

    asker: str
    rules: tuple[str, ...]
    tainted_ms: int
    read: tuple[str, ...]


async def background(context: Context, who: Principal, rules: tuple[str, ...]) -> Background:
    """As the log has it now. Raises LogUnavailable."""
    asker = f"{who.agent} for {who.on_behalf_of}" if who.agent else f"{who.on_behalf_of}"
    if who.agent is None:  # a person by hand reads as many sessions as there are terminals
        return Background(asker, rules, 0, ())
    (since,) = await tainted(context, (who,))
    found = await context.log.find(kinds=("tool.read",), newest_first=True, limit=_LOOKED_AT)
    read = (_said(entry) for entry in found if entry.record.actor.session == who.session)
    once = tuple(dict.fromkeys(said for said in read if said))
    return Background(f"{asker}, session {harmless(who.session, 128)}", rules, since, once[:MOST])


async def tainted(context: Context, askers: Sequence[Principal]) -> list[int]:
    """When each one's session last read untrusted text, Unix ms; 0: never, and of a person by hand. Raises
    LogUnavailable."""
    keys = [TAINT.of(who.session) if who.agent is not None else None for who in askers]
    values = await context.log.values(tuple({key for key in keys if key is not None}))
    return [values[key] if key is not None else 0 for key in keys]


def _said(entry: Entry) -> str:
    """`get_events deployment/web (untrusted)`; nothing for what a tool made of its reads, which are there too."""
    record, labels = entry.record, entry.record.labels or {}
    if record.tool is not None:
        return ""
    about = f" {record.resource.kind}/{record.resource.name}" if record.resource else ""
    untrusted = " (untrusted)" if labels.get("untrusted") else ""
    return harmless(f"{labels.get('action', '')}{about}{untrusted}", 256)
