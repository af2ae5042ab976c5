"""Transport to the simulated apiserver: permissions, injected faults, and a log of what arrived.

Every call is one transaction: a fault that is taken, an effect, and the line that reports it, or nothing.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sandbox.api import faults
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import ApiError
from sandbox.api.faults import Call, FaultKind
from sandbox.api.kinds import KINDS
from sandbox.api.store import Json, Key, Store, Transaction
from sandbox.controllers.workloads import settle

_WITHOUT_EFFECT = {
    FaultKind.CONFLICT: (409, "Conflict", "Operation cannot be fulfilled: the object has been modified"),
    FaultKind.THROTTLED: (429, "TooManyRequests", "the server has received too many requests"),
    FaultKind.ERROR_BEFORE: (500, "InternalError", "an injected internal error"),
}
_WITHOUT_ANSWER = (FaultKind.TIMEOUT_AFTER, FaultKind.OVERWRITTEN)
ANOTHER_MANAGER = "another-manager"


class NotSent(Exception):
    """The connection was refused: nothing reached the server."""


class NoAnswer(Exception):
    """Sent, and no answer came: whether it took effect is unknown to the caller."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line of the server's own log: what arrived, and whether it changed anything.

    `code` is the HTTP status that the server gave, also where the answer was lost on its way; 0 if the call
    is held before it arrives.
    """

    at_ms: int
    verb: str
    kind: str
    namespace: str
    name: str
    subresource: str
    manager: str
    audit_id: str
    dry_run: bool
    code: int
    changed: bool
    resource_version: str


@dataclass(frozen=True, slots=True)
class _Answer:
    body: Json | None
    error: Exception | None

    def deliver(self) -> Json:
        if self.error is not None:
            raise self.error
        return self.body or {}


def send(store: Store, call: Write, on: Call = "write") -> Json:
    """Send a write. Raises ApiError, NotSent, NoAnswer."""
    with store.write() as txn:
        fault = faults.take(txn, on, call.key)
        # The answer is raised after the commit: an effect outlives an answer that is lost.
        answer = _serve(txn, call, fault)
    return answer.deliver()


def fetch(store: Store, key: Key, on: Call = "read") -> None:
    """Pass the faults and permissions of a read of that object. Raises ApiError, NotSent, NoAnswer."""
    with store.read() as txn:
        _permit(txn, "get", key, "")
        if not faults.planned(txn, on):
            return
    with store.write() as txn:
        fault = faults.take(txn, on, key)
    if fault is FaultKind.REFUSED:
        raise NotSent("connection refused")
    if fault in _WITHOUT_EFFECT:
        raise ApiError(*_WITHOUT_EFFECT[fault])
    if fault is not None:
        raise NoAnswer("timed out")


def release(store: Store) -> list[Arrival]:
    """Let every held write arrive now, in order; returns how each ended."""
    arrived = []
    with store.write() as txn:
        for seq, row in txn.queue("held"):
            txn.replace("held", seq, None)
            _perform(txn, _thaw(row))
            arrived.append(Arrival(**txn.queue("requests")[-1][1]))
    return arrived


def arrivals(store: Store) -> list[Arrival]:
    """Everything that arrived, in order: what the apiserver's audit log would hold."""
    with store.read() as txn:
        return [Arrival(**row) for _, row in txn.queue("requests")]


def _serve(txn: Transaction, call: Write, fault: FaultKind | None) -> _Answer:
    if fault is FaultKind.REFUSED:
        return _Answer(None, NotSent("connection refused"))
    if fault is FaultKind.TIMEOUT_BEFORE:
        return _Answer(None, NoAnswer("timed out"))
    if fault is FaultKind.DELAYED:
        txn.push("held", asdict(call))
        return _Answer(None, NoAnswer("timed out"))
    if fault in _WITHOUT_EFFECT:
        error = ApiError(*_WITHOUT_EFFECT[fault])
        _note(txn, call, error.status, None, None)
        return _Answer(None, error)
    before = txn.get(call.key)
    answer = _perform(txn, call)
    if fault is FaultKind.OVERWRITTEN and before is not None and not call.dry_run:
        _put_back(txn, call, before)
    if fault in _WITHOUT_ANSWER:
        return _Answer(None, NoAnswer("timed out"))
    if fault is FaultKind.ERROR_AFTER:
        return _Answer(None, ApiError(500, "InternalError", "an injected internal error"))
    return answer


def _perform(txn: Transaction, call: Write) -> _Answer:
    before = txn.get(call.key)
    try:
        _permit(txn, "patch", call.key, call.subresource)
        body = ApiServer(txn, txn.number("now_ms")).write(call)
    except ApiError as e:
        _note(txn, call, e.status, before, None)
        return _Answer(None, e)
    _note(txn, call, 200, before, None if call.dry_run else body)
    if not call.dry_run:
        settle(ApiServer(txn, txn.number("now_ms")), call.key)
    return _Answer(body, None)


def _put_back(txn: Transaction, call: Write, before: Json) -> None:
    """Another manager restores what was there; a pod's resources go back the way they came."""
    if call.subresource == "resize":
        spec: Json = {
            "containers": [
                {"name": one["name"], "resources": one.get("resources") or {}}
                for one in before["spec"]["containers"]
            ]
        }
    else:
        spec = {"$patch": "replace", **before["spec"]}
    subresource: Literal["", "resize"] = "resize" if call.subresource == "resize" else ""
    theirs = replace(
        call,
        verb="patch",
        subresource=subresource,
        body={"spec": spec},
        manager=ANOTHER_MANAGER,
        audit_id="",
    )
    _perform(txn, theirs)


def _permit(txn: Transaction, verb: str, key: Key, subresource: str) -> None:
    kind = KINDS[key.kind]
    resource = f"{kind.resource}/{subresource}" if subresource else kind.resource
    if f"{verb} {resource}" in (txn.meta("denied") or "").split(","):
        raise ApiError(
            403,
            "Forbidden",
            f'{kind.full_resource} "{key.name}" is forbidden: User "sandbox" cannot {verb} resource '
            f'"{resource}" in API group "{kind.group}" in the namespace "{key.namespace}"',
        )


def _note(txn: Transaction, call: Write, code: int, before: Json | None, after: Json | None) -> None:
    version = after["metadata"]["resourceVersion"] if after else ""
    changed = bool(after) and (before is None or before["metadata"]["resourceVersion"] != version)
    line = Arrival(
        txn.number("now_ms"), call.verb, *call.key, call.subresource, call.manager, call.audit_id,
        call.dry_run, code, changed, version,
    )  # fmt: skip
    txn.push("requests", asdict(line))


def _thaw(row: dict[str, Any]) -> Write:
    return Write(**{**row, "key": Key(*row["key"])})
