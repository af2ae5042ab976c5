"""`describe`'s table, `policy can-i` and a dry run of `act` give one answer to one person, on every workload.

The policy binds this machine's user by name: who asks as an anonymous local user gets another answer.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyball.cli.govern.question import asker
from flyball.cli.look.permissions import may
from flyball.identity import LocalIdentity
from policies.questions import Question, judge
from policies.types import Request
from tests.kit.command_line import Flyball
from tests.kit.installation import App, allow, deny, doc, target, within, write_policy
from tests.tools.workloads import workload
from tools.actions import registry
from tools.cluster_types import Container, Resources, Workload
from tools.path.requests import build

ME = LocalIdentity().human
WIDE = {"min": "1m", "max": "64", "maxRatio": 2}
COUNTS = {"replicas": {"min": 1, "max": 20}}
LIMITS = {
    "cpuRequest": WIDE, "cpuLimit": WIDE,
    "memoryRequest": {"min": "1Mi", "max": "64Gi", "maxRatio": 2},
    "memoryLimit": {"min": "1Mi", "max": "64Gi", "maxRatio": 2},
}  # fmt: skip
BOUNDS = {name: {"min": 1, "max": 99} for name in ("minReplicas", "maxReplicas", "targetPercent")}
MOVES = ["set_resources", "lower_memory_limit", "resize_with_restart"]
RULES = [
    doc("RoleBinding", "me", {"subjects": [ME], "role": "operator", "clusters": ["sandbox"]}),
    allow("reads", ["read"]),
    allow("scales", ["scale"], limits=COUNTS),
    allow("restarts", ["restart"], target(names=["web", "worker"])),
    allow("moves", MOVES, target(names=["web", "payments"]), limits=LIMITS),
    allow("asks", MOVES[:1], target(names=["search"]), limits=LIMITS, approval={"from": "operator"}),
    allow("floors", ["set_autoscaler_bounds"], limits=BOUNDS),
    deny("never", ["restart"], target(names=["worker"])),
]  # fmt: skip
TUNERS = {"floor": 4, "agent": "agent:tuner"}
WORDS = {"allow": "yes", "needs_approval": "with-approval", "deny": "no"}


def arguments(action: str, one: Workload) -> dict[str, Any]:
    """As it is now; where that would be another action, as little else as possible."""
    limit = one.containers[0].resources.memory_limit or 2**30
    given: dict[str, dict[str, Any]] = {
        "scale": {"replicas": one.replicas},
        "scale_to_zero": {"replicas": 0},
        "set_resources": {"cpu_request": f"{one.containers[0].resources.cpu_request}m"},
        "lower_memory_limit": {"in_place": True, "lower_memory_limit": True, "memory_limit": str(limit)},
        "resize_with_restart": {"in_place": True, "restart_containers": True, "memory_limit": str(limit)},
        "restart": {},
        "set_envelope": {"min_replicas": 4, "max_replicas": 4, "until": "2030-01-01T00:00:00Z", **TUNERS},
        "end_envelope": TUNERS,
    }
    if one.autoscaler is not None:
        given["set_autoscaler_bounds"] = {"min_replicas": one.autoscaler.minimum}
        given["keep_scale_point"] = {"unit": "cpu"}
        given["lower_autoscaler_max"] = {"max_replicas": one.autoscaler.maximum, "lower_max": True}
        now = one.autoscaler.target_percent
        given["set_guarded_envelope"] = given["set_envelope"] | {"guard_percent": now, "target_percent": now}
    return {"workload": str(one.target), **given[action]}


def acted(app: App, tool: str, action: str, one: Workload) -> Request:
    spec = registry.action(tool)
    args = registry.parse(spec.args, arguments(action, one))
    who = app.identity.by_hand()
    request = build(
        tool, args, id=f"may-{action}".replace("_", "-"), principal=who, cluster="sandbox", namespace="shop",
        mode="dry_run",
    )  # fmt: skip
    assert request.action == action
    return request


def asked(app: App, snapshot: Any, request: Request, one: Workload) -> str:
    """As `policy can-i` asks, with what the cluster would have told."""
    touched = one if request.action not in MOVES[1:] else replace(one, pods=())
    question = Question(
        "local", request.action, one.target, {}, labels=one.labels, asker=asker(snapshot, "sandbox", "local"),
        field_owner=registry.action(request.tool).owner(touched), at_ms=app.context.now_ms(),
    )  # fmt: skip
    info = snapshot.catalogue[request.action]
    now = {name: 3 for name in info.dimensions if name in BOUNDS} or {
        name: 2**30 if name.startswith("memory") else 500 for name in info.dimensions
    }
    if "replicas" in now:
        now = {"replicas": 0 if request.action == "scale_to_zero" else one.replicas}
    return WORDS[judge(snapshot, replace(question, wanted=now)).verdict.value]


def test_the_three_ways_to_ask_agree(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        gate = await app.context.gate()
        seen = dict[str, set[str]]()
        for found in await app.context.reader.list_workloads("shop"):
            one = replace(found, autoscaler=await app.context.reader.autoscaler(found.target))
            told = {row["action"]: row["permissions"] for row in await may(app, one)}
            for tool, spec in registry.ACTIONS.items():
                if tool in ("set_autoscaler_bounds", "keep_scale_point") and one.autoscaler is None:
                    assert {told[info.name] for info in spec.actions} == {"no"}
                    continue
                for info in spec.actions:
                    if info.name == "set_guarded_envelope" and one.autoscaler is None:
                        assert told[info.name] == "no"
                        continue
                    request = acted(app, tool, info.name, one)
                    decision, _ = await app.executor.preview(request)
                    live = "with-approval" if decision.approvals else WORDS[decision.verdict.value]
                    answers = (told[info.name], asked(app, gate.snapshot, request, one), live)
                    assert len({*answers}) == 1, f"{info.name} {one.target}: {answers}, {decision.detail}"
                    seen.setdefault(info.name, set()).add(live)
        assert seen["scale"] == {"yes", "no"}
        assert seen["set_resources"] == {"yes", "no", "with-approval"}
        assert seen["restart"] == {"yes", "no"}
        assert (seen["set_autoscaler_bounds"], seen["lower_autoscaler_max"]) == ({"yes"}, {"no"})

    within(tmp_path, work, write_policy(tmp_path / "policy", RULES))


def test_containers_that_differ_are_told_apart(tmp_path: Path) -> None:
    big, small = Resources(500, 1000, 2**28, 2**29), Resources(10, 20, 2**28, 2**29)
    pair = [
        Container(name, "registry.invalid/app:1", has) for name, has in (("app", big), ("sidecar", small))
    ]
    bound = LIMITS | {"cpuRequest": {"min": "15m", "max": "1", "maxRatio": 2}}
    rules = [RULES[0], allow("moves", MOVES[:1], limits=bound)]

    async def work(app: App) -> None:
        rows = [row for row in await may(app, workload(4, *pair)) if row["action"] == "set_resources"]
        assert [row["permissions"] for row in rows] == ["yes", "yes"]
        assert rows[0]["why"] == "app: moves"
        assert "sidecar: cpuRequest 15m to 20m alone (moves)" in rows[1]["why"], "it is below its limits now"

    within(tmp_path, work, write_policy(tmp_path / "policy", rules))


def test_can_i_answers_this_machines_user_by_name(flyball: Flyball, tmp_path: Path) -> None:
    folder = write_policy(tmp_path / "policy", RULES)
    line = f"policy can-i restart deploy/web --policies {folder} --no-base"
    assert flyball(line).code == 0
    assert flyball(f"{line} --as {ME}").code == 0
    assert flyball(f"{line} --as human:somebody-else").code == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("scale deploy/web", 0, "depends on the numbers: replicas 2 to 12, at most 5 a step (web-alone)"),
        ("set-resources deploy/web --cpu-request 600m", 0, "yes  allowed by web-resources"),
        ("set-resources deploy/web --cpu-request 600m --memory-limit 64Mi --container app", 3,
         "no  limits.memoryLimit.min = 128Mi (container app)"),
        ("set-resources deploy web --cpu-request 3", 3, "no  limits.cpuRequest.max = 2"),
        ("set-resources deploy/web --cpu-request much", 2, "cpuRequest: `much` is not a quantity"),
        ("scale deploy/web --cpu-request 1", 2, "`scale` does not move cpuRequest"),
        ("restart deploy/web", 0, "yes  allowed by web-restart"),
        ("scale", 2, "`scale`: on what?"),
        ("deploy/web --replicas 4", 2, "numbers are given, and no action"),
        ("--as agent:ZZ", 2, "`agent:ZZ` is no name"),
    ],
)  # fmt: skip
def test_a_question_about_numbers(flyball: Flyball, words: str, code: int, said: str) -> None:
    done = flyball(f"policy can-i {words}")
    assert done.code == code, done.err
    assert said in done.out + done.err


def test_without_an_action_every_action_is_listed(flyball: Flyball) -> None:
    """Of the namespace where a rule allows it, of a workload on it; the gate itself answers."""
    here = [line.split()[:3] for line in flyball("policy can-i").out.splitlines()]
    assert here[0] == ["ACTION", "ON", "PERMITTED"]
    assert ["scale", "deployment/web", "depends"] in here
    assert ["scale_to_zero", "-", "no"] in here
    assert flyball("policy can-i --list").out == flyball("policy can-i").out
    web = {line.split()[0]: line.split()[2] for line in flyball("policy can-i deploy/web").out.splitlines()}
    assert (web["restart"], web["scale"], web["scale_to_zero"]) == ("yes", "depends", "no")
    items = flyball("policy can-i --list deploy/search --as agent:ops -o json").document["items"]
    assert {item["permitted"] for item in items if item["action"] == "scale"} == {"no"}
    everywhere = flyball("policy can-i -n kube-system")
    writes = [line for line in everywhere.out.splitlines() if line.startswith(("scale", "restart"))]
    assert all(line.split()[2] == "no" for line in writes)


def test_a_ceiling_narrows_what_the_numbers_may_be(flyball: Flyball, tmp_path: Path) -> None:
    spec = {"target": target(), "limits": {"replicas": {"max": 7}}}
    folder = write_policy(tmp_path / "policy", [*RULES, doc("Ceiling", "small", spec)])
    done = flyball(f"policy can-i scale deploy/web --policies {folder} --no-base")
    assert "depends on the numbers: replicas 1 to 7 (scales)" in done.out
    assert json.loads(flyball(f"policy can-i scale deploy/web --policies {folder} --no-base -o json").out)[
        "depends_on"
    ] == ["replicas 1 to 7 (scales)"]


@pytest.mark.parametrize("verb", ["can-i", "explain"])
def test_a_unit_that_was_left_out_is_asked_about(flyball: Flyball, verb: str) -> None:
    done = flyball(f"policy {verb} set-resources deploy/web --cpu-request 600")
    assert "cpuRequest 600: did you mean 600m?" in done.err
    assert "did you mean" not in flyball(f"policy {verb} set-resources deploy/web --cpu-request 600m").err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ("", 3, "500m -> 600 (did you mean 600m?)"),
        ("--in-place --cpu-limit 600", 3, "cpu_request 500m -> 600 (did you mean 600m?)"),
        ("--in-place", 1, "cpu_request 600 (did you mean 600m?) is more than its limit 1"),
    ],
)
def test_an_amount_without_its_unit_is_asked_about_and_kept(
    flyball: Flyball, more: str, code: int, said: str
) -> None:
    done = flyball(f"act set-resources deploy/web --cpu-request 600 --dry-run {more}")
    assert done.code == code
    assert said in done.out
