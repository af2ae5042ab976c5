"""The toolbox: what a model gets back for each end of a call, and that it never gets an exception for its mistake."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyball.cli.kit.output import safe
from policies.types import Target
from tests.kit.installation import (
    LOCAL,
    OPS,
    App,
    allow,
    ask,
    deny,
    doc,
    installation,
    scale,
    target,
    write_policy,
)
from tests.tools.rig import Rig, rig
from tests.tools.workloads import pod, workload
from tools.actions import registry
from tools.cluster_types import ApiEvent, PodUsage, Workload
from tools.metrics.types import Metric
from tools.path.outcome import Applied, Failed, Refused, Result, Unknown
from tools.path.requests import build
from tools.toolbox.cards import card_of as _card
from tools.toolbox.cards import printable
from tools.toolbox.port import Room, TypedCall

ENDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "ok": ("describe_workload", {"workload": "deployment/web"}, "ok"),
    "applied": ("scale", scale(8), "applied"),
    "refused": ("scale", scale(60), "refused"),
    "pending": ("scale", scale(15), "pending"),
    "invalid": ("scale", {}, "invalid"),
    "failed": ("describe_workload", {"workload": "deployment/none"}, "failed"),
    "precondition": ("scale", {**scale(5), "current_replicas": 3}, "failed"),
    "owner": ("scale", scale(5, "deployment/payments"), "refused"),
}


def test_a_card_says_how_it_ended_to_model_and_person(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for name, (tool, arguments, status) in ENDS.items():
                card = await ask(app, tool, arguments)
                assert card.status == status, name
                assert json.loads(card.text)["status"] == status
                assert safe(card.line) == card.line
                assert (card.handle is not None) == (status == "pending")
                assert card.record is not None or status in ("ok", "failed"), name

    asyncio.run(run())


def test_a_refusal_tells_the_model_what_is_allowed(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            told = json.loads((await ask(app, "scale", scale(60))).text)
            room = {"dimension": "replicas", "low": 2, "high": 9, "without_approval": True}
            assert room in told["allowed_now"]
            assert told["stage"] == "limits"

    asyncio.run(run())


def test_a_pending_card_says_that_the_model_cannot_approve(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            assert "you cannot" in (await ask(app, "scale", scale(15))).text

    asyncio.run(run())


def test_a_rejected_call_does_not_take_its_id(tmp_path: Path) -> None:
    """What was no request cannot be another one under the same id: a turn that is resumed may send it right."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            assert (await ask(app, "scale", {}, request_id="a" * 40)).status == "invalid"
            assert (await ask(app, "scale", scale(8), request_id="a" * 40)).status == "applied"

    asyncio.run(run())


def test_the_same_call_again_is_replayed_and_not_repeated(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            cards = [await ask(app, "scale", scale(8), request_id="a" * 40) for _ in range(3)]
            assert {card.status for card in cards} == {"applied"}
            assert len({card.record for card in cards}) == 1

    asyncio.run(run())


def test_a_dry_run_is_one_for_every_tool(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            done = await ask(app, "scale", scale(8))
            before = await _version(app)
            for tool, arguments in (("scale", scale(9)), ("undo", {"record": done.record})):
                assert (await ask(app, tool, arguments, mode="dry_run")).status == "simulated"
            assert await _version(app) == before

    asyncio.run(run())


async def _version(app: App) -> list[str]:
    return [w.resource_version for w in await app.context.reader.list_workloads("shop")]


def test_without_a_namespace_nothing_is_guessed(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for tool, arguments, _ in ENDS.values():
                assert (await ask(app, tool, arguments, namespace=None)).status == "invalid"

    asyncio.run(run())


def test_printable_text_is_left_alone_and_the_rest_is_marked() -> None:
    assert printable("scale web 4 -> 8, Größe") == "scale web 4 -> 8, Größe"
    assert printable("a\x1b\n\u202e\ud800b") == "a????b"


def request(one: Rig) -> Any:
    spec = registry.action("scale")
    return build(
        "scale", registry.parse(spec.args, {**scale(6), "current_replicas": None}), id="r" * 12,
        principal=one.agent(), cluster="sandbox", namespace="shop", mode="live",
    )  # fmt: skip


def test_what_was_done_in_part_or_was_so_already_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS]) as one:
            done = Applied(request(one), 7, "i", "4 -> 6", {}, {}, 6, 6)
            part = _card(replace(done, partial="2 of 5 pods; not c: all is stopped"))
            assert json.loads(part.text)["not_done"] == "2 of 5 pods; not c: all is stopped"
            assert (part.status, part.line.split("  ")[0]) == ("in_part", "in part")
            assert part.line.endswith("not c: all is stopped")
            same = _card(replace(done, unchanged=True))
            assert json.loads(same.text)["status"] == same.status == "unchanged"
            assert same.line.startswith("unchanged  scale")
            whole = json.loads(_card(done).text)
            assert (whole["status"], whole["not_done"]) == ("applied", None)

    asyncio.run(run())


def test_what_the_cluster_says_comes_without_secrets_and_in_bounds(tmp_path: Path) -> None:
    """A webhook's message is anybody's text."""
    said = "denied: password=hunter2secret \u202e" + "x" * 100_000

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS]) as one:
            asked = request(one)
            results: list[Result] = [
                Failed(asked, 7, said, said), Refused(asked, 7, "s", None, said), Unknown(asked, 7, "i", "d", said),
                Applied(asked, 7, "i", "d", {}, {}, 1, 1, partial=said),
            ]  # fmt: skip
            for card in map(_card, results):
                assert "hunter2secret" not in card.text + card.line
                assert "[redacted]" in card.text
                assert "\u202e" not in json.loads(card.text).values()
                assert len(card.text) < 10_000

    asyncio.run(run())


def test_a_read_of_very_many_pods_fits_into_the_log(tmp_path: Path) -> None:
    """What is recorded is bounded: numbers, totals and a digest."""
    names = [f"web-7d8f9b6c5d-{i:05d}" for i in range(3000)]
    usage = [PodUsage(name, 1, 30, {"app": (100, 10**8), "proxy": (10, 10**7)}) for name in names]

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, allow("read", ["read"])]) as one:
            one.cluster.script = [(workload(3000), [pod(name) for name in names])]
            one.cluster.told = [
                ApiEvent(f"pod/{name}", "Warning", "R", "m" * 900, "k", 1, 1) for name in names
            ]

            async def told(_: Target) -> list[PodUsage]:
                return usage

            one.cluster.usage = told  # type: ignore[method-assign]
            web = {"workload": "deploy/web"}
            asked: list[tuple[str, dict[str, Any]]] = [
                ("describe_workload", web), ("get_events", web), ("why", web),
                ("changes", {**web, "since": None}), ("list_workloads", {"selector": "a=" + "b" * 400}),
                ("read_metrics", {**web, "metric": "cpu_usage", "span": "1h"}),
            ]  # fmt: skip
            for name, arguments in asked:
                assert (await one.call(name, arguments, name.ljust(40, "a"))).status == "ok", name
            await one.reads().overview("shop", "", list(Metric))
            records = [e.record for e in await one.log.find(kinds=("tool.read",))]
            assert max(len(record.model_dump_json()) for record in records) < 4096
            (seen,) = [r.observation for r in records if r.observation and "containers" in r.observation]
            assert (seen["pods"], seen["containers"], seen["cpu_millicores"]) == (3000, 6000, 330_000)

    asyncio.run(run())


def test_a_list_of_another_kind_is_judged_with_labels_and_recorded(tmp_path: Path) -> None:
    """Of two DaemonSets the one with the label that policy asks for is shown; the other is counted."""
    by_label = target(labels={"tier": "node"}, kinds=["daemonset"])
    rules = [
        allow("list", ["list_workloads"]),
        allow("read", ["describe_workload", "read_metrics"], by_label),
    ]
    kinds = ("daemonset",)

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, *rules]) as one:
            at = workload().target.model_copy(update={"kind": "daemonset"})
            mine = replace(workload(), target=at, labels={"tier": "node"})
            other = replace(workload(), target=at.model_copy(update={"name": "spy"}), labels={"tier": "spy"})

            async def listed(namespace: str | None, selector: str, asked: Sequence[str]) -> list[Workload]:
                assert (namespace, tuple(asked)) == ("shop", kinds)
                return [mine, other]

            one.cluster.list_workloads = listed  # type: ignore[assignment]
            rows = await one.reads().overview("shop", "", [Metric.CPU_USAGE], kinds)
            assert [str(row.workload.target) for row in rows] == ["daemonset/web"]
            (entry,) = await one.log.find(kinds=("tool.read",))
            seen = entry.record.observation or {}
            assert (seen["kinds"], seen["shown"], seen["hidden"]) == (["daemonset"], 1, 1)

    asyncio.run(run())


def test_what_cannot_be_recorded_is_a_card_and_is_not_released(tmp_path: Path) -> None:
    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, allow("read", ["read"])]) as one:
            one.cluster.script = [(replace(workload(), resource_version="9" * 70_000), [pod()])]
            card = await one.call("describe_workload", {"workload": "deploy/web"}, "a" * 40)
            assert card.status == "failed"
            assert "cannot be recorded" in card.text
            (attempt,) = await one.log.find(kinds=("tool.rejected",))
            assert "cannot be recorded" in (attempt.record.reason or "")

    asyncio.run(run())


def typed(one: Rig, replicas: int) -> TypedCall:
    args = registry.parse(registry.action("scale").args, scale(replicas))
    return TypedCall("scale", args, one.agent(), "shop", "dry_run", "r" * 12)


LIMITS = {"replicas": {"min": 2, "max": 9, "maxStep": 3}}


def named(*kinds: str) -> Any:
    return allow("grow", ["scale"], target(kinds=list(kinds)), limits=LIMITS)


def test_room_is_what_the_gate_would_say_and_leaves_nothing(tmp_path: Path) -> None:
    """It asks on what the caller has read, and costs neither a read nor a record."""

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, named("deployment")]) as one:
            seen = workload(replicas=5)
            free = await one.toolbox.room(typed(one, 7), seen)
            before = len(await one.context.log.find())  # the policy in force is recorded once
            assert (free.refused, free.names_kind) == ("", True)
            low = await one.toolbox.room(typed(one, 1), seen)
            assert "limits.replicas.min = 2" in low.refused
            assert [(r.dimension, r.low, r.high) for r in low.ranges] == [("replicas", 2, 8)]
            assert len(await one.context.log.find()) == before

    asyncio.run(run())


OBSERVES = doc("Agent", "ops", {"owner": "local", "roles": ["operator"], "autonomy": "observe"})


@pytest.mark.parametrize(
    ("agent", "rules", "replicas", "owner", "outright"),
    [
        (OPS, [allow("other", ["restart"])], 7, None, True),
        (OPS, [named("deployment"), deny("never", ["scale"], target())], 7, None, True),
        (OPS, [allow("labelled", ["scale"], target(labels={"tier": "x"}), limits=LIMITS)], 7, None, True),
        (OPS, [named("deployment")], 7, "argocd/shop", True),
        (OPS, [named("deployment")], 1, None, False),
        (OPS, [named("deployment")], 7, None, False),
        (OBSERVES, [named("deployment")], 7, None, False),
    ],
)
def test_what_is_refused_whatever_its_figure_is_told_apart(
    tmp_path: Path, agent: Any, rules: list[Any], replicas: int, owner: str | None, outright: bool
) -> None:
    """By a rule or by none, or for an owner: not for a limit, nor for how far the agent may act."""

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, agent, *rules]) as one:
            seen = workload(replicas=5, owner=owner)
            assert (await one.toolbox.room(typed(one, replicas), seen)).outright is outright

    asyncio.run(run())


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([named("deployment")], True),
        ([named("deployment", "statefulset")], True),
        ([named("*")], False),
        ([], False),
        ([named("*"), allow("pinned", ["restart"], target(kinds=["deployment"]))], False),
        ([named("*"), deny("never", ["scale"], target(kinds=["deployment"], names=["other"]))], False),
    ],
)
def test_a_kind_is_named_by_a_rule_that_allows_it(tmp_path: Path, rules: list[Any], says: bool) -> None:
    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, *rules]) as one:
            assert (await one.toolbox.room(typed(one, 7), workload(replicas=5))).names_kind is says

    asyncio.run(run())


def test_a_kind_is_named_for_the_person_too(tmp_path: Path) -> None:
    """What only the agent's rule names, its person has not been given by name."""
    agents = doc("Agent", "ops", {"owner": "local", "roles": ["keeper"], "autonomy": "autonomous"})
    mine = {**named("statefulset", "deployment"), "metadata": {"name": "of-the-agent"}}
    mine["spec"] = {**mine["spec"], "roles": ["keeper"]}

    async def run() -> None:
        async with rig(tmp_path, [LOCAL, agents, mine, named("*")]) as one:
            assert (await one.toolbox.room(typed(one, 7), workload(replicas=5))).names_kind is False

    asyncio.run(run())


def test_room_of_an_autoscalers_floor_and_of_running_pods_is_asked_on_what_they_are(tmp_path: Path) -> None:
    """A listed workload comes without its HPA and its pods: what the action's view holds is read. A workload of which
    it cannot be read is answered for; the run goes on."""
    rules = [
        allow("floors", ["set_autoscaler_bounds"], limits={
            "minReplicas": {"min": 1, "max": 3}, "maxReplicas": {"min": 1, "max": 12},
            "targetPercent": {"min": 10, "max": 100},
        }),
        allow("cpu", ["set_resources"], limits={
            **{f"cpu{part}": {"min": "50m", "max": "2"} for part in ("Request", "Limit")},
            **{f"memory{part}": {"min": "1Mi", "max": "8Gi"} for part in ("Request", "Limit")},
        }),
    ]  # fmt: skip
    policies = write_policy(tmp_path / "policies", [LOCAL, OPS, *rules])

    async def room(app: App, name: str, tool: str, **args: Any) -> Room:
        seen = {w.target.name: w for w in await app.context.reader.list_workloads("shop")}[name]
        parsed = registry.parse(registry.action(tool).args, {"workload": f"deployment/{name}", **args})
        call = TypedCall(tool, parsed, app.agent("agent:ops"), "shop", "dry_run", "r" * 12)
        return await app.toolbox.room(call, seen)

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            beyond = await room(app, "checkout", "set_autoscaler_bounds", min_replicas=4)
            assert [(r.dimension, r.low, r.high) for r in beyond.ranges] == [("minReplicas", 1, 3)]
            running = await room(
                app, "web", "set_resources", container="app", cpu_request="30m", in_place=True
            )
            assert [r.dimension for r in running.ranges] == ["cpuRequest"]
            none = await room(app, "web", "set_autoscaler_bounds", min_replicas=2)
            assert "no HorizontalPodAutoscaler" in none.refused

    asyncio.run(run())
