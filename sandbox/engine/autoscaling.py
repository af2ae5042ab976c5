"""The HPA controller at work in the world: what it sees of a workload, and what it writes to the API."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.hpa import ahead
from forecasting.hpa.ahead import Crowd
from forecasting.hpa.controller import Decision, Seen, sync
from forecasting.hpa.pods import INITIALIZATION_MS, PodView, Usage
from forecasting.hpa.rules import Change, Memory
from forecasting.hpa.spec import Spec
from forecasting.seeded_random import Ints, seed_of, uniform
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.kinds import rfc3339
from sandbox.api.store import Json, Key, Transaction
from sandbox.controllers import events
from sandbox.controllers.workloads import settle
from sandbox.load.manifest import IDLE, SCRAPE_MS, Load
from sandbox.serving.pods import PodState
from sandbox.serving.queue import Group, Served, cpu_of, memory_of
from sandbox.serving.samples import sampled

MANAGER = "kube-controller-manager"
SOURCE = "horizontal-pod-autoscaler"
_MEMORY = "autoscalers"


@dataclass(frozen=True, slots=True)
class Scene:
    """A workload over some ticks, with the same pods."""

    load: Load
    seed: str
    replicas: int
    pods: tuple[PodState, ...]
    groups: tuple[Group, ...]
    served: Served
    times: Ints


@dataclass(slots=True)
class Watch:
    """One HPA: its spec, what it remembers, and the state of its conditions ScalingActive and ScalingLimited."""

    key: Key
    spec: Spec
    memory: Memory
    active: bool
    limited: bool
    asked_ms: int = 0
    raw: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def look_ahead(self, scene: Scene) -> int | None:
        """At which of the ticks the controller has to be asked; None if at none of them."""
        times, bounds = scene.times, self.spec.bounds
        if not self.memory.recommended:
            self.memory = Memory((Change(int(times[0]), scene.replicas),))
        self.raw = np.full(len(times), ahead.NONE, dtype=np.int64)
        if scene.replicas == 0:
            return 0 if self.active else None
        outside = not bounds.minimum <= scene.replicas <= bounds.maximum
        if outside or any(int(times[0]) < _fresh_ms(p) for g in scene.groups for p in g.pods):
            return 0
        crowds = [_crowd(scene, m.resource) for m in self.spec.metrics]
        self.raw = ahead.recommended(self.spec, scene.replicas, crowds)
        return ahead.first_move(
            self.spec, self.memory, scene.replicas, self.raw, int(times[0]), self.active, self.limited
        )

    def passed(self, times: Ints, first: int, stop: int) -> None:
        """Those ticks went by without a question."""
        if stop > first:
            self.memory = ahead.absorbed(self.spec, self.memory, times[first:stop], self.raw[first:stop])

    def ask(self, scene: Scene, at: int) -> Decision:
        """What the controller decides at that tick."""
        seen = Seen(int(scene.times[at]), scene.replicas, views(scene, at))
        return sync(self.spec, self.memory, seen)

    def note(self, decision: Decision, now_ms: int) -> None:
        """Remember what was decided."""
        standing = {c.type: c.status for c in decision.conditions}
        self.active = standing.get("ScalingActive", self.active)
        self.limited = standing.get("ScalingLimited", self.limited)
        self.memory, self.asked_ms = decision.memory, now_ms


def _fresh_ms(pod: PodState) -> int:
    """From when on the controller takes a ready pod's CPU for what it is (forecasting.hpa.pods)."""
    start, ready = pod.start_ms or 0, pod.ready_ms or 0
    return min(ready + SCRAPE_MS, start + INITIALIZATION_MS)


def views(scene: Scene, at: int) -> tuple[PodView, ...]:
    """The pods as the controller sees them at that tick; a pod that does not serve has no sample."""
    now, used = scene.times[at : at + 1], {}
    for group, share in zip(scene.groups, scene.served.shares, strict=True):
        cpu = cpu_of(share[at : at + 1], group)
        for pod in group.pods:
            if sampled(scene.seed, pod.name, int(now[0]), scene.load.gaps):
                memory = int(_held(scene.load, pod, cpu, now)[0])
                used[pod.name] = Usage(
                    int(cpu[0]) + pod.others * IDLE[0], memory * 1000, int(now[0]), SCRAPE_MS
                )
    return tuple(_view(pod, used.get(pod.name)) for pod in scene.pods)


def _view(pod: PodState, usage: Usage | None) -> PodView:
    return PodView(
        name=pod.name,
        phase=pod.phase,
        deleting=pod.deleting,
        start_ms=pod.start_ms,
        ready=None if pod.changed_ms is None else pod.ready_ms is not None,
        changed_ms=pod.changed_ms or 0,
        cpu_request=pod.cpu_request_all,
        memory_request=None if pod.memory_request_all is None else pod.memory_request_all * 1000,
        usage=usage,
    )


def _held(load: Load, pod: PodState, cpu: Ints, times: Ints) -> Ints:
    held = memory_of(load, pod, cpu, times)
    return (held if pod.memory_limit is None else np.minimum(held, pod.memory_limit)) + pod.others * IDLE[1]


def _crowd(scene: Scene, resource: str) -> Crowd:
    """All pods of one resource over the ticks, once none of them is young any more."""
    counted = [p for p in scene.pods if not p.deleting and p.phase != "Failed"]
    serving = {p.name for g in scene.groups for p in g.pods}
    pending = [p for p in counted if p.phase == "Pending"]
    silent = [p for p in counted if p.name not in serving and p.phase != "Pending"]
    size, total = len(scene.times), np.zeros(len(scene.times), dtype=np.int64)
    usage, requests, count = total.copy(), total.copy(), total.copy()
    missing, missing_requests = total + len(silent), total + sum(_asked(p, resource) for p in silent)
    for group, share in zip(scene.groups, scene.served.shares, strict=True):
        cpu = cpu_of(share, group)
        for pod in group.pods:
            if pod not in counted:
                continue
            here = _present(scene, pod, size)
            own = (
                cpu + pod.others * IDLE[0]
                if resource == "cpu"
                else 1000 * _held(scene.load, pod, cpu, scene.times)
            )
            usage += own * here
            requests += _asked(pod, resource) * here
            count += here
            missing += 1 - here
            missing_requests += _asked(pod, resource) * (1 - here)
    known = all(
        (p.cpu_request_all if resource == "cpu" else p.memory_request_all) is not None for p in scene.pods
    )
    return Crowd(
        usage, requests, count, missing, missing_requests,
        len(pending), sum(_asked(p, resource) for p in pending), known,
    )  # fmt: skip


def _asked(pod: PodState, resource: str) -> int:
    return (pod.cpu_request_all or 0) if resource == "cpu" else 1000 * (pod.memory_request_all or 0)


def _present(scene: Scene, pod: PodState, size: int) -> Ints:
    """1 where the pod has a sample, 0 in a gap."""
    if not scene.load.gaps:
        return np.ones(size, dtype=np.int64)
    chance = uniform(seed_of(f"{scene.seed}/{pod.name}"), scene.times // SCRAPE_MS)
    return (chance * 1e6 >= scene.load.gaps).astype(np.int64)


def carry_out(api: ApiServer, key: Key, target: Key, decision: Decision, *, was_active: bool) -> None:
    """Write what was decided: the scale, the status, the events."""
    if decision.rescale:
        body = {"spec": {"replicas": decision.replicas}}
        api.write(Write("patch", target, "scale", body, MANAGER))
    failed = any(c.type == "ScalingActive" and not c.status for c in decision.conditions)
    for event in decision.events:
        # A failure is reported when it begins; the real controller reports it again at every sync.
        if event.type == "Normal" or (failed and was_active):
            events.emit(
                api,
                key,
                type=event.type,
                reason=event.reason,
                message=event.message,
                source=SOURCE,
            )
    hpa = api.get(key)
    api.store(key, hpa | {"status": status(hpa, decision, api.now_ms), "metadata": dict(hpa["metadata"])})
    if decision.rescale:
        settle(api, target)


def refresh(txn: Transaction, key: Key, decision: Decision, now_ms: int) -> None:
    """Bring an HPA's figures up to date. It is not a write that others could meet: resourceVersion stays."""
    hpa = txn.get(key)
    if hpa is not None:
        txn.put(key, hpa | {"status": status(hpa, decision, now_ms)})


def status(hpa: Json, decision: Decision, now_ms: int) -> Json:
    """status as the controller writes it; a condition keeps its time while it stands."""
    old = hpa.get("status") or {}
    conditions = {c["type"]: c for c in old.get("conditions") or ()}
    for new in decision.conditions:
        before = conditions.get(new.type)
        text = "True" if new.status else "False"
        since = before["lastTransitionTime"] if before and before["status"] == text else rfc3339(now_ms)
        conditions[new.type] = {
            "type": new.type, "status": text, "lastTransitionTime": since,
            "reason": new.reason, "message": new.message,
        }  # fmt: skip
    found: Json = {
        "currentReplicas": decision.current,
        "desiredReplicas": decision.replicas,
        "currentMetrics": list(decision.metrics),
        "conditions": list(conditions.values()),
    }
    last = rfc3339(now_ms) if decision.rescale else old.get("lastScaleTime")
    return found | ({"lastScaleTime": last} if last else {})


def memories(txn: Transaction) -> dict[str, Memory]:
    """What the controller remembered of each HPA when the last advance ended."""
    rows: dict[str, list[list[list[int]]]] = json.loads(txn.meta(_MEMORY) or "{}")
    return {
        name: Memory(*(tuple(Change(*c) for c in part) for part in parts)) for name, parts in rows.items()
    }


def remember(txn: Transaction, watches: Sequence[Watch]) -> None:
    """Keep it for the next advance."""
    rows = {
        f"{w.key.namespace}/{w.key.name}": [w.memory.recommended, w.memory.up, w.memory.down] for w in watches
    }
    txn.set_meta(_MEMORY, json.dumps(rows, sort_keys=True, separators=(",", ":")))


def watch_of(hpa: Json, key: Key, memory: Memory, spec: Spec) -> Watch:
    """An HPA as it stands, to go on from."""
    standing = {c["type"]: c["status"] == "True" for c in (hpa.get("status") or {}).get("conditions") or ()}
    return Watch(
        key, spec, memory, standing.get("ScalingActive", True), standing.get("ScalingLimited", False)
    )
