"""A small world for gate tests: documents as plain data, requests, observations, decisions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from policies.decision import Decision
from policies.gate import Gate
from policies.loader import compile_texts
from policies.snapshot import Snapshot
from policies.types import (
    ActionInfo,
    Approval,
    Delta,
    Observation,
    Principal,
    Request,
    Scope,
    Situation,
    Target,
)

NOW = 1_800_000_000_000
CLUSTERS = ("sandbox", "prod")
CATALOGUE = (
    ActionInfo("describe_workload", "read"),
    ActionInfo("scale", "write", ("replicas",)),
    ActionInfo("scale_to_zero", "write", ("replicas",)),
    ActionInfo("set_resources", "write", ("cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit")),
)
ACTIONS = tuple(info.name for info in CATALOGUE)
Doc = dict[str, Any]


def doc(kind: str, name: str, spec: Doc, **more: Any) -> Doc:
    return {"apiVersion": "flyball/v1", "kind": kind, "metadata": {"name": name}, "spec": spec, **more}


def rule(name: str = "web", **spec: Any) -> Doc:
    """An allow to scale shop's web for role `operator`, unless told otherwise."""
    base: Doc = {
        "roles": ["operator"],
        "actions": ["scale"],
        "target": {"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["web"]},
        "effect": "allow",
        "limits": {"replicas": {"min": 2, "max": 12, "maxStep": 5}},
    }
    merged = {key: value for key, value in {**base, **spec}.items() if value is not None}
    return doc("ActionPolicy", name, merged)


def deny(name: str = "never", **spec: Any) -> Doc:
    return rule(name, **{"effect": "deny", "limits": None, **spec})


def binding(name: str, subjects: Sequence[str], role: str, **spec: Any) -> Doc:
    return doc("RoleBinding", name, {"subjects": list(subjects), "role": role, "clusters": ["*"], **spec})


def agent(name: str = "ops", **spec: Any) -> Doc:
    base: Doc = {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"}
    return doc("Agent", name, {**base, **spec})


PEOPLE = (binding("people", ["human:anna"], "operator"), agent())


def text(documents: Sequence[Doc]) -> bytes:
    return ("\n---\n".join(json.dumps(d) for d in documents) + "\n...\n").encode()


def policy(*documents: Doc, catalogue: Sequence[ActionInfo] = CATALOGUE) -> Snapshot:
    return compile_texts({"p.yaml": text(documents)}, catalogue=catalogue, clusters=CLUSTERS)


def principal(name: str | None = None, **more: Any) -> Principal:
    task = Scope(clusters=CLUSTERS, namespaces=None, actions=ACTIONS) if name else None
    base: Doc = {"agent": name, "on_behalf_of": "human:anna", "session": "s1", "task": task}
    return Principal(**{**base, **more})


def target(name: str = "web", **more: Any) -> Target:
    base: Doc = {"cluster": "sandbox", "namespace": "shop", "kind": "deployment", "name": name}
    return Target(**{**base, **more})


def ask(who: str | None = None, to: int = 8, **more: Any) -> Request:
    base: Doc = {
        "id": "01900000-test",
        "principal": more.pop("principal", None) or principal(who),
        "tool": "scale",
        "action": "scale",
        "target": target(),
        "args": {"replicas": to},
        "mode": "live",
    }
    return Request(**{**base, **more})


def seen(request: Request, *deltas: Delta, **more: Any) -> Observation:
    base: Doc = {
        "target": request.target,
        "at_ms": NOW,
        "uid": "u",
        "resource_version": "1",
        "generation": 1,
        "labels": {},
        "view": {},
        "view_digest": "view",
        "deltas": deltas or (Delta("replicas", "", 4, int(request.args["replicas"] or 0)),),
        "cluster_uid": "c",
    }
    return Observation(**{**base, **more})


def values(gate: Gate, request: Request, **more: int) -> dict[str, int]:
    return dict.fromkeys(gate.keys(request, NOW), 0) | {
        f"policy/epoch/{request.target.cluster}": gate.snapshot.epoch
    }


def situation(gate: Gate, request: Request, found: Mapping[str, int] | None = None, **more: Any) -> Situation:
    merged = values(gate, request) | dict(found or {})
    base: Doc = {"now_ms": NOW, "values": merged, "lease": ("sandbox/shop/web", 7), "nonce": "n1"}
    return Situation(**{**base, **more})


def vote(request: Request, by: str = "human:bob", **more: Any) -> Approval:
    base: Doc = {
        "id": f"vote-{by}",
        "by": by,
        "groups": (),
        "request_digest": request.digest,
        "view_digest": "view",
        "expires_ms": NOW + 600_000,
    }
    return Approval(**{**base, **more})


def decide(
    snapshot: Snapshot,
    request: Request,
    observed: Observation | None = None,
    approvals: Sequence[Approval] = (),
    found: Mapping[str, int] | None = None,
    **more: Any,
) -> Decision:
    gate = Gate(snapshot)
    return gate.decide(request, observed or seen(request), approvals, situation(gate, request, found, **more))


def screen(snapshot: Snapshot, request: Request, found: Mapping[str, int] | None = None) -> Decision:
    gate = Gate(snapshot)
    return gate.screen(request, now_ms=NOW, values=values(gate, request) | dict(found or {}))
