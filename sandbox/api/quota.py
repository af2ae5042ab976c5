"""ResourceQuota and LimitRange: what a namespace permits to be created, and the defaults that it fills in.

Kubernetes 1.36, apiserver/pkg/admission/plugin/resourcequota and plugin/pkg/admission/limitranger; messages are
measured on 1.36.2. Known are requests and limits of CPU and memory, `pods` and `count/…`. Simpler than the real
one: usage is counted when it is asked for, so that it is never late, and quotas have no scopes.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from base.quantities import format_bytes, format_millicores, parse
from sandbox.api import containers
from sandbox.api.indices import effective, takes
from sandbox.api.kinds import KINDS
from sandbox.api.resize_rules import forbidden
from sandbox.api.store import Json, Key, Transaction

_COMPUTE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_ALIASES = {"cpu": "requests.cpu", "memory": "requests.memory"}
_ANNOTATION = "kubernetes.io/limit-ranger"
Usage = Mapping[str, Decimal]


def admit(txn: Transaction, pod: Json, old: Json | None = None) -> None:
    """Raises ApiError 403 where a LimitRange or a ResourceQuota refuses the pod (or its resize from `old`)."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    _within_ranges(txn, pod)
    for one in txn.all("resourcequota", namespace):
        hard = _hard(one)
        quota = one["metadata"]["name"]
        missing = _missing(pod, hard)
        if missing:
            raise forbidden("pods", name, f"failed quota: {quota}: must specify {'; '.join(missing)}")
        wants, had = _usage_of(pod), {} if old is None else _usage_of(old)
        more = {key: wants[key] - had.get(key, 0) for key in hard if key in wants}
        _check("pods", name, quota, {k: v for k, v in more.items() if v > 0}, txn, namespace, hard)


def admit_object(txn: Transaction, key: Key) -> None:
    """Raises ApiError 403 where a quota on `count/…` refuses one more object of that kind."""
    kind = KINDS[key.kind]
    for one in txn.all("resourcequota", key.namespace):
        hard = _hard(one)
        name = f"count/{kind.full_resource}"
        if name in hard:
            more = {name: Decimal(1)}
            _check(kind.full_resource, key.name, one["metadata"]["name"], more, txn, key.namespace, hard)


def status(txn: Transaction, quota: Json) -> Json:
    """`hard` and `used` as the API shows them."""
    hard = _hard(quota)
    used = _used(txn, quota["metadata"]["namespace"], hard)
    return {
        "hard": {name: _text(name, amount) for name, amount in sorted(hard.items())},
        "used": {name: _text(name, amount) for name, amount in sorted(used.items())},
    }


def check(spec: Json) -> None:
    """Read every amount of a ResourceQuota's or LimitRange's spec. Raises QuantityInvalid, and what Python
    raises for a shape that is none."""
    blocks = [spec.get("hard") or {}]
    for limit in spec.get("limits") or ():
        blocks += [limit.get(name) or {} for name in ("min", "max", "default", "defaultRequest")]
    for block in blocks:
        for amount in block.values():
            parse(amount)


def _check(
    resource: str,
    name: str,
    quota: str,
    more: dict[str, Decimal],
    txn: Transaction,
    namespace: str,
    hard: Usage,
) -> None:
    if not more:
        return
    used = _used(txn, namespace, more)
    over = sorted(key for key, amount in more.items() if used[key] + amount > hard[key])
    if over:
        lists = (_listed(over, part) for part in (more, used, hard))
        requested, taken, limited = lists
        why = f"exceeded quota: {quota}, requested: {requested}, used: {taken}, limited: {limited}"
        raise forbidden(resource, name, why)


def _listed(names: Iterable[str], amounts: Usage) -> str:
    return ",".join(f"{name}={_text(name, amounts[name])}" for name in names)


def _text(name: str, amount: Decimal) -> str:
    if name.endswith("cpu"):
        return format_millicores(int(amount * 1000))
    return format_bytes(int(amount)) if name.endswith("memory") else str(int(amount))


def _hard(quota: Json) -> dict[str, Decimal]:
    found = (quota.get("spec") or {}).get("hard") or {}
    return {_ALIASES.get(name, name): parse(amount) for name, amount in found.items()}


def _used(txn: Transaction, namespace: str, names: Iterable[str]) -> dict[str, Decimal]:
    wanted = set(names)
    used = dict.fromkeys(wanted, Decimal(0))
    if wanted & {*_COMPUTE, "pods", "count/pods"}:
        for pod in txn.all("pod", namespace):
            for name, amount in _usage_of(pod).items():
                if name in wanted:
                    used[name] += amount
    for kind in KINDS.values():
        if f"count/{kind.full_resource}" in wanted and kind.name != "Pod":
            used[f"count/{kind.full_resource}"] = Decimal(len(txn.all(kind.name.lower(), namespace)))
    return used


def _usage_of(pod: Json) -> dict[str, Decimal]:
    """What a pod counts for: of a resize under way the larger amount, and nothing once it has ended."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return {}
    room = takes(pod)
    limit_cpu, limit_memory = effective(pod["spec"], "limits")
    return {
        "requests.cpu": Decimal(room.cpu) / 1000,
        "requests.memory": Decimal(room.memory),
        "limits.cpu": Decimal(limit_cpu) / 1000,
        "limits.memory": Decimal(limit_memory),
        "pods": Decimal(1),
        "count/pods": Decimal(1),
    }


def _missing(pod: Json, hard: Iterable[str]) -> list[str]:
    """Where a quota counts an amount, each container must name it."""
    said = []
    for name in (one for one in sorted(hard) if one in _COMPUTE):
        section, _, what = name.partition(".")
        lacking = sorted(
            one["name"]
            for one in containers.every(pod["spec"])
            if what not in ((one.get("resources") or {}).get(section) or {})
        )
        if lacking:
            said.append(f"{name} for: {','.join(lacking)}")
    return said


def defaulted(txn: Transaction, pod: Json) -> Json:
    """The pod with the amounts that the namespace's LimitRanges fill in."""
    for one in txn.all("limitrange", pod["metadata"]["namespace"]):
        for limit in (one.get("spec") or {}).get("limits") or ():
            if limit.get("type") == "Container":
                pod = _filled(pod, limit)
    return pod


def _filled(pod: Json, limit: Json) -> Json:
    """`default` for limits, `defaultRequest` for requests; where only `max` or `default` is given, the API has
    filled in the others from them (pkg/apis/core/v1/defaults.go, SetDefaults_LimitRangeItem)."""
    limits = (limit.get("max") or {}) | (limit.get("default") or {})
    requests = (limit.get("min") or {}) | limits | (limit.get("defaultRequest") or {})
    said: list[str] = []
    inits = [one["name"] for one in pod["spec"].get("initContainers") or ()]

    def fill(one: Json) -> Json:
        block = one.get("resources") or {}
        has_requests, has_limits = block.get("requests") or {}, block.get("limits") or {}
        for section, has, filled in (("request", has_requests, requests), ("limit", has_limits, limits)):
            new = sorted(filled.keys() - has.keys())
            if new:
                kind = "init container" if one["name"] in inits else "container"
                said.append(f"{', '.join(new)} {section} for {kind} {one['name']}")
        whole = {"requests": requests | has_requests, "limits": limits | has_limits}
        return one | {"resources": {k: v for k, v in whole.items() if v}}

    spec = containers.changed(pod["spec"], fill)
    if not said:
        return pod
    metadata = dict(pod["metadata"])
    metadata["annotations"] = (metadata.get("annotations") or {}) | {
        _ANNOTATION: "LimitRanger plugin set: " + "; ".join(said)
    }
    return pod | {"metadata": metadata, "spec": spec}


def _within_ranges(txn: Transaction, pod: Json) -> None:
    found: list[str] = []
    for one in txn.all("limitrange", pod["metadata"]["namespace"]):
        for limit in (one.get("spec") or {}).get("limits") or ():
            found += _outside(pod, limit)
    if found:
        why = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
        raise forbidden("pods", pod["metadata"]["name"], why)


def _outside(pod: Json, limit: Json) -> list[str]:
    kind = limit.get("type")
    blocks = [one.get("resources") or {} for one in containers.every(pod["spec"])]
    if kind == "Pod":
        blocks = [one.get("resources") or {} for one in containers.lasting(pod["spec"])]
        blocks = [{section: _total(blocks, section) for section in ("requests", "limits")}]
    elif kind != "Container":
        return []
    found: list[str] = []
    for block in blocks:
        requests, limits = block.get("requests") or {}, block.get("limits") or {}
        for what, bound in (limit.get("min") or {}).items():
            found += _below(f"minimum {what} usage per {kind} is {bound}", what, bound, requests, limits)
        for what, bound in (limit.get("max") or {}).items():
            found += _above(f"maximum {what} usage per {kind} is {bound}", what, bound, requests, limits)
    return found


def _total(blocks: list[Json], section: str) -> Json:
    total: dict[str, Decimal] = {}
    for block in blocks:
        for what, amount in (block.get(section) or {}).items():
            total[what] = total.get(what, Decimal(0)) + parse(amount)
    return {what: _text(what, amount) for what, amount in total.items()}


def _below(said: str, what: str, bound: Any, requests: Json, limits: Json) -> list[str]:
    if what not in requests:
        return [f"{said}.  No request is specified"]
    if parse(requests[what]) < parse(bound):
        return [f"{said}, but request is {requests[what]}"]
    if what in limits and parse(limits[what]) < parse(bound):
        return [f"{said}, but limit is {limits[what]}"]
    return []


def _above(said: str, what: str, bound: Any, requests: Json, limits: Json) -> list[str]:
    if what not in limits:
        return [f"{said}.  No limit is specified"]
    if parse(limits[what]) > parse(bound):
        return [f"{said}, but limit is {limits[what]}"]
    if what in requests and parse(requests[what]) > parse(bound):
        return [f"{said}, but request is {requests[what]}"]
    return []
