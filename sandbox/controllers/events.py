"""Event objects, as the controllers' recorders make them: a repeated one increments its count (client-go,
tools/record/events_cache.go); an hour after its last occurrence it is deleted (the apiserver's --event-ttl).

Simpler than the real ones: there is no spam filter, and never more than EVENTS_MAX of them.
"""

import hashlib
import re
from typing import Literal

from sandbox.api.apiserver import ApiServer
from sandbox.api.kinds import ALPHABET, KINDS, rfc3339
from sandbox.api.store import Json, Key, Transaction
from tools.cluster.objects import unix_ms

TTL_MS = 3_600_000
EVENTS_MAX = 20_000
SIMILAR_MAX = 10
"""So many different messages of one reason about one object within SIMILAR_MS are kept separate; then they share
one event."""
SIMILAR_MS = 600_000
_PRUNE_MS = 900_000
_COMBINED = "(combined from similar events): "
_REPLICASET = "apps/v1"
Group = tuple[str, ...]
"""Events about one object of one reason from one source."""


def emit(
    api: ApiServer, about: Key, *, type: Literal["Normal", "Warning"], reason: str, message: str, source: str
) -> None:
    """Tell that something happened to an object; `source` is the component that says so."""
    _prune(api)
    message, told = _aggregated(api, about, type, reason, message, source)
    digest = hashlib.sha256("\0".join((*about, type, reason, told, source)).encode()).hexdigest()[:16]
    key = Key("event", about.namespace or "default", f"{about.name}.{digest}")
    before, now = api.txn.get(key), rfc3339(api.now_ms)
    if before is not None and unix_ms(before["lastTimestamp"]) + TTL_MS > api.now_ms:
        body = before | {"count": before["count"] + 1, "lastTimestamp": now, "message": message}
        body["metadata"] = dict(before["metadata"])
    else:
        body = _event(api, key, about, now) | {"type": type, "reason": reason, "message": message}
        body |= {"source": {"component": source}, "reportingComponent": source}
    api.store(key, body)


def concerning(txn: Transaction, workload: Key, autoscaler: str | None) -> list[Json]:
    """The events that the apiserver still keeps about a workload, its ReplicaSets, its autoscaler and its pods,
    those that are gone too; oldest first."""
    name = re.escape(workload.name)
    hashed = f"{name}-[{ALPHABET}]{{10}}"
    pods = f"{hashed}-[{ALPHABET}]{{5}}" if workload.kind == "deployment" else f"{name}-[0-9]+"
    about = [f"{workload.kind}/{name}", f"pod/{pods}", f"replicaset/{hashed}"]
    if autoscaler is not None:
        about.append(f"horizontalpodautoscaler/{re.escape(autoscaler)}")
    fits, now_ms = re.compile("|".join(about)).fullmatch, txn.number("now_ms")
    kept = [
        e
        for e in txn.all("event", workload.namespace)
        if unix_ms(e["lastTimestamp"]) + TTL_MS > now_ms
        and fits(f"{e['involvedObject']['kind'].lower()}/{e['involvedObject']['name']}")
    ]
    return sorted(kept, key=lambda e: (e["lastTimestamp"], int(e["metadata"]["resourceVersion"])))


def _event(api: ApiServer, key: Key, about: Key, now: str) -> Json:
    kind, obj = KINDS.get(about.kind), api.txn.get(about) if about.kind in KINDS else None
    involved = {
        "apiVersion": kind.api_version if kind else _REPLICASET,
        "kind": kind.name if kind else "ReplicaSet",
        "name": about.name,
        "namespace": about.namespace,
        "uid": obj["metadata"]["uid"] if obj else None,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": key.name, "namespace": key.namespace, "creationTimestamp": now},
        "involvedObject": {name: value for name, value in involved.items() if value},
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }


def _aggregated(
    api: ApiServer, about: Key, type: str, reason: str, message: str, source: str
) -> tuple[str, str]:
    """The message, and what of it tells this event from others (client-go's EventAggregator)."""
    if type == "Normal":
        # A controller tells a routine thing once for each pod: looking for similar ones is not worth its time.
        return message, message
    told = _warned(api.txn).setdefault((about.namespace or "default", about.name, reason, source), {})
    recent = {said for said, at_ms in told.items() if at_ms > api.now_ms - SIMILAR_MS}
    if message not in recent and len(recent) >= SIMILAR_MAX - 1:
        return _COMBINED + message, _COMBINED
    told[message] = api.now_ms
    return message, message


def _warned(txn: Transaction) -> dict[Group, dict[str, int]]:
    """When each warning was last reported: kept while the transaction lasts, and always what the events say."""
    found: dict[Group, dict[str, int]] | None = txn.memo.get("warned")
    if found is None:
        found = txn.memo["warned"] = {}
        for one in txn.all("event"):
            if one["type"] == "Warning" and not one["message"].startswith(_COMBINED):
                about, at = one["involvedObject"]["name"], one["metadata"]["namespace"]
                group = (at, about, one["reason"], one["reportingComponent"])
                found.setdefault(group, {})[one["message"]] = unix_ms(one["lastTimestamp"])
    return found


def _prune(api: ApiServer) -> None:
    if api.now_ms - api.txn.number("events_pruned_ms") < _PRUNE_MS:
        return
    api.txn.set_meta("events_pruned_ms", api.now_ms)
    events = sorted(api.txn.all("event"), key=lambda e: int(e["metadata"]["resourceVersion"]))
    for i, one in enumerate(events):
        old = unix_ms(one["lastTimestamp"]) + TTL_MS <= api.now_ms
        if old or i < len(events) - EVENTS_MAX:
            api.txn.delete(Key("event", one["metadata"]["namespace"], one["metadata"]["name"]))
