"""The apiserver's own audit log held against ours: each effect has its intent, each intent its end, nothing twice."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from audit.record import Record
from audit.store.read import Reader
from tests.kit.console import Console
from tests.real.cluster import Namespace
from tests.real.rest import Json
from tools.path.standing import ENDS

SENT = {"applied", "simulated"}
"""How an intent ended whose write, live or dry, the apiserver took."""


def records(console: Console, kinds: Sequence[str] = ()) -> list[Record]:
    """Every record of our log (of these kinds), as it is stored."""
    with Reader(Path(console.environ["FLYBALL_STATE"]) / "real" / "audit.db") as reader:
        return [entry.record for entry in reader.find(kinds=kinds)]


def balanced(kube: Namespace, console: Console) -> Counter[str]:
    """Both logs, one to one; returns how the intents ended."""
    ours = records(console)
    intents = {r.id: r for r in ours if r.kind == "action.intent"}
    ends = ends_of(ours)
    patches = [e for e in kube.audit_events(verb="patch", userAgent="flyball") if not _is_aside(e)]
    landed = Counter(e["auditID"] for e in patches if e["responseStatus"]["code"] == 200)
    assert set(landed) <= set(intents), "an effect without an intent"
    assert not [id for id, count in landed.items() if count > 1], "an effect twice"
    live = {id for id, intent in intents.items() if intent.mode == "live"}
    assert live <= set(ends) <= set(intents), (
        "an intent without an end"
    )  # a dry run that is cut off has had no effect
    for id, status in ends.items():
        assert _is_idle(intents[id]) or (status in SENT) == (id in landed), f"{id} is recorded as {status}"
    assert console.run("audit", "verify").code == 0
    return Counter(ends.values())


def ends_of(ours: list[Record]) -> dict[str, str]:
    """How each intent ended, by its id."""
    return {
        parent.id: r.outcome.status
        for r in ours
        if r.kind in ENDS and r.outcome is not None
        for parent in r.parents
        if parent.rel == "intent"
    }


def _is_aside(event: Json) -> bool:
    """Whether it is no action: a fence changes no field, a rehearsal nothing at all."""
    rehearsed = event["auditID"].startswith("rehearsal-") and "dryRun=All" in event["requestURI"]
    return rehearsed or event["auditID"].endswith("-fence")


def _is_idle(intent: Record) -> bool:
    """Whether there is nothing to do, so that nothing is sent."""
    fields = (intent.before or {})["fields"]
    wanted = {name: value for name, value in (intent.args or {}).items() if name in fields}
    return all(fields[name] == value for name, value in wanted.items() if value is not None)
