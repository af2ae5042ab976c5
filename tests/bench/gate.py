"""One whole decision of the gate against stock pycasbin and cedarpy over the same rules, in one run.

A decision is: request digest, agent, human and task evaluated whole, every guard, claims, permit. `cold` has
no memo at all: the rules' answer and the request's digest are made again. `memo hits` has both, as in the path,
where the digest is asked for before the gate is; the row below it tells what a new digest adds. CPU is this
process's; the figure is the best batch of many, since other work on the machine only ever adds. The two others
answer the bare rule question, twice (agent, human).
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import cedarpy
from casbin import Enforcer
from casbin.model import Model

from policies.compiler import MODEL
from policies.gate import Gate
from policies.patterns import k8s_match, sel_match
from policies.snapshot import Snapshot
from policies.types import Request, Situation
from tests.bench.report import Row
from tests.kit.policies import NOW, Doc, agent, ask, binding, policy, rule, seen, values

TEAMS, NAMESPACES = 20, 50
COLD_US, WARM_US = 50.0, 30.0


def run(argv: Sequence[str]) -> list[Row]:
    """The bench's rows: microseconds of CPU a decision at 10, 100 and 1,000 rules."""
    options = argparse.ArgumentParser(prog="bench gate")
    options.add_argument("--rules", type=int, nargs="*", default=[10, 100, 1000])
    options.add_argument("--batches", type=int, default=40)
    given = options.parse_args(argv)
    rows: list[Row] = []
    for count in given.rules:
        documents = world(count)
        snapshot = policy(*documents)
        cold = gate_us(snapshot, given.batches, rules=False, digest=False)
        warm = gate_us(snapshot, given.batches, rules=True, digest=True)
        fresh = gate_us(snapshot, given.batches, rules=True, digest=False)
        casbin_us, cedar_us = stock_us(snapshot, given.batches), cedar(count, given.batches)
        rows += [
            Row(f"{count} rules: whole decision, cold, us", cold, bar=f"<= {COLD_US:.0f}"),
            Row(f"{count} rules: whole decision, memo hits, us", warm, bar=f"<= {WARM_US:.0f}"),
            Row(f"{count} rules: whole decision, memo hits but a new digest, us", fresh),
            Row(f"{count} rules: stock pycasbin, two answers, us", casbin_us, casbin_us / cold),
            Row(f"{count} rules: cedarpy (parsed), two answers, us", cedar_us, cedar_us / cold),
        ]
    rows.append(Row("of which the request's digest, us", request_digest_us(given.batches)))
    return rows


def world(count: int) -> list[Doc]:
    """`count` rules over teams and namespaces, of which one lets the request pass."""
    rules = [
        rule(
            f"r{n}",
            roles=[f"team{n % TEAMS}"],
            target={"clusters": ["sandbox"], "namespaces": [f"ns{n % NAMESPACES}"], "names": [f"w{n}*"]},
        )
        for n in range(count - 1)
    ]
    teams = [binding(f"b{n}", ["human:anna"], f"team{n}") for n in range(TEAMS)]
    own = [f"team{n}" for n in range(3)]
    return [
        *rules,
        rule("web"),
        *teams,
        binding("op", ["human:anna"], "operator"),
        agent(roles=["operator", *own]),
    ]


def best_us(work: Callable[[], None], each: int, batches: int) -> float:
    """Microseconds of CPU for one of the `each` things that `work` does, in the best batch."""
    best = float("inf")
    for _ in range(batches):
        start = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - start)
    return best / each / 1000


def gate_us(snapshot: Snapshot, batches: int, *, rules: bool, digest: bool) -> float:
    """The gate's own figure, each decision on another request, with or without the memo of each part."""
    gate, size = Gate(snapshot), 200
    first = ask("agent:ops")
    look, now = seen(first), Situation(NOW, values(gate, first), ("lease", 1), "nonce")
    fresh = [ask("agent:ops", id=f"01900000-{n:06d}") for n in range(size * batches)]
    if digest:
        _ = [request.digest for request in fresh]
    batch = iter(fresh)

    def work() -> None:
        for _ in range(size):
            if not rules:
                snapshot.table.forget()
            found = gate.decide(next(batch), look, (), now)
            if found.permit is None:
                raise AssertionError(found)

    return best_us(work, size, batches)


def stock_us(snapshot: Snapshot, batches: int) -> float:
    """Casbin's own enforcer over the same rows, model and roles."""
    model = Model()
    model.load_model_from_text(MODEL)
    enforcer = Enforcer(model)
    for row in snapshot.table.rows:
        model.add_policy("p", "p", list(row))
    enforcer.add_function("k8sMatch", k8s_match)
    enforcer.add_function("selMatch", sel_match)
    enforcer.set_role_manager(snapshot.roles)
    model["g"]["g"].rm = enforcer.rm_map["g"] = snapshot.roles
    enforcer.logger.setLevel("CRITICAL")

    def work() -> None:
        for who in ("agent:ops", "human:anna"):
            if not enforcer.enforce(who, "sandbox", "shop/deployment/web", "scale", {}):
                raise AssertionError(who)

    return best_us(work, 1, max(3, batches // 4))


def cedar(count: int, batches: int) -> float:
    """Cedar over rules of the same shape, policies and entities parsed beforehand."""
    text = "\n".join(
        f'permit(principal in Role::"team{n % TEAMS}", action == Action::"scale", '
        f'resource in Ns::"ns{n % NAMESPACES}") when {{ resource.name like "w{n}*" }};'
        for n in range(count - 1)
    )
    text += '\npermit(principal in Role::"operator", action == Action::"scale", resource in Ns::"shop")'
    text += ' when { resource.name == "web" };'
    policies = cedarpy.PolicySet.from_str(text)
    entities = cedarpy.Entities.from_json_str(_entities())
    request: dict[str, Any] = {"action": 'Action::"scale"', "resource": 'Workload::"web"', "context": {}}

    def work() -> None:
        for _ in range(10):
            for who in ('Agent::"ops"', 'Human::"anna"'):
                if not cedarpy.is_authorized({**request, "principal": who}, policies, entities).allowed:
                    raise AssertionError(who)

    return best_us(work, 10, batches)


def _entities() -> str:
    import json

    roles = [("Role", f"team{n}") for n in range(TEAMS)] + [("Role", "operator")]
    everything: list[tuple[str, str, list[tuple[str, str]], dict[str, str]]]
    everything = [(kind, name, [], {}) for kind, name in (*roles, ("Ns", "shop"))]
    everything.append(("Human", "anna", roles, {}))
    everything.append(("Agent", "ops", [("Role", "operator"), *roles[:3]], {}))
    everything.append(("Workload", "web", [("Ns", "shop")], {"name": "web"}))
    return json.dumps(
        [
            {
                "uid": {"type": kind, "id": name},
                "attrs": attrs,
                "parents": [{"type": parent, "id": of} for parent, of in parents],
            }
            for kind, name, parents, attrs in everything
        ]
    )


def request_digest_us(batches: int) -> float:
    """The digest's own share of a decision."""
    fresh: list[Request] = [ask("agent:ops", id=f"01900000-{n:06d}") for n in range(200 * batches)]
    batch = iter(fresh)

    def work() -> None:
        for _ in range(200):
            _ = next(batch).digest

    return best_us(work, 200, batches)
