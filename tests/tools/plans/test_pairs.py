"""Two steps that belong together: new requests under an HPA, and before them its target as CPU of a pod. Both or
none: in that order, both voted for, and the first put back where the second is refused or fails."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogUnavailable
from policies.types import Request
from sandbox.api.apiserver import Write
from sandbox.api.store import Key
from tests.kit.installation import LOCAL, App, allow, installation, write_policy
from tools.actions import registry
from tools.cluster_types import Autoscaler
from tools.path.outcome import Applied
from tools.path.requests import build
from tools.plans.plan import Carried, Plan

HPA = Key("horizontalpodautoscaler", "shop", "checkout")
CPU = {
    **{f"cpu{part}": {"min": "50m", "max": "2"} for part in ("Request", "Limit")},
    **{f"memory{part}": {"min": "1Mi", "max": "8Gi"} for part in ("Request", "Limit")},
}
HOLD = allow("hold", ["keep_scale_point"])
RESIZE = allow("resize", ["set_resources"], limits=CPU)
LONG = allow("slow", ["set_resources", "keep_scale_point"], limits=CPU, cooldown="1h")
ASKED = allow("asked", ["set_resources"], limits=CPU, approval={"from": "local", "expires": "15m"})


def pair(app: App, cpu: str = "400m") -> tuple[Request, Request]:
    def one(tool: str, **args: Any) -> Request:
        parsed = registry.parse(registry.action(tool).args, {"workload": "deployment/checkout", **args})
        return build(
            tool, parsed, id=f"any-{tool.replace('_', '-')}", principal=app.identity.by_hand(),
            cluster="sandbox", namespace="shop", mode="live",
        )  # fmt: skip

    return (
        one("keep_scale_point", unit="cpu"),
        one("set_resources", cpu_request=cpu, cpu_limit="1", scale_point_held=True),
    )


async def planned(app: App) -> Plan:
    first, then = pair(app)
    return await app.approvals.plans.propose([first, then], app.identity.by_hand(), pairs={then.id: first.id})


async def applied(app: App, plan: Plan) -> Carried:
    return await app.approvals.plans.carry_out(plan.handle, app.identity.by_hand())


async def hpa(app: App) -> Autoscaler:
    target = pair(app)[0].target
    (found,) = await app.context.reader.autoscalers(target)
    return found


async def requests(app: App) -> int | None:
    return (await app.context.reader.read(pair(app)[0].target)).containers[0].resources.cpu_request


def on(tmp_path: Path, rules: list[Any], work: Callable[[App], Awaitable[None]]) -> None:
    async def go() -> None:
        policies = write_policy(tmp_path / "policies", [LOCAL, *rules])
        async with installation(tmp_path, policies) as app:
            await work(app)

    asyncio.run(go())


def test_both_are_shown_and_done_in_order_and_the_scale_point_stays(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before, asked = await hpa(app), await requests(app)
        assert before.target_percent
        assert asked
        plan = await planned(app)
        assert [s.verdict for s in plan.steps] == ["allow", "allow"]
        assert [s.stands_on for s in plan.steps] == [0, 1]
        assert "CPU target" in plan.steps[0].diff
        assert "cpu_request" in plan.steps[1].diff
        assert await app.approvals.plans.one(plan.handle) == plan, "as the log holds it"
        carried = await applied(app, plan)
        assert [done.status for done in carried.steps] == ["applied", "applied"]
        after = await hpa(app)
        assert (after.target_percent, after.target_cpu) == (None, before.target_percent * asked // 100)
        assert await requests(app) == 400

    on(tmp_path, [HOLD, RESIZE], work)


def test_a_cooldown_of_the_rule_does_not_part_them(tmp_path: Path) -> None:
    """The first changes how the target is said, and nothing that the HPA does: the second need not wait for it, and
    what comes after the second does."""

    async def work(app: App) -> None:
        carried = await applied(app, await planned(app))
        assert [done.status for done in carried.steps] == ["applied", "applied"]
        again = await app.executor.execute(pair(app, "500m")[1].model_copy(update={"id": "again-and-again"}))
        assert "wait" in getattr(again, "detail", "")

    on(tmp_path, [LONG], work)


@pytest.mark.parametrize("rules", [[HOLD], [RESIZE]], ids=["no requests", "no hold"])
def test_where_policy_refuses_one_neither_is_done(tmp_path: Path, rules: list[Any]) -> None:
    async def work(app: App) -> None:
        before = await hpa(app)
        plan = await planned(app)
        assert plan.hopeless
        assert sum("it goes with step" in step.detail for step in plan.steps) == 1
        assert (await hpa(app)).target_percent == before.target_percent

    on(tmp_path, rules, work)


def test_the_first_is_not_begun_before_there_are_votes_for_the_second(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before = await hpa(app)
        plan = await planned(app)
        assert [s.verdict for s in plan.steps] == ["allow", "needs_approval"]
        carried = await applied(app, plan)
        assert [done.status for done in carried.steps] == ["waiting", "not_tried"]
        assert "step 2" in carried.steps[0].detail
        assert (await hpa(app)).target_percent == before.target_percent
        _, carried = await app.approvals.plan_votes.approve(plan, app.identity.by_hand())
        assert [done.status for done in carried.steps] == ["applied", "applied"]

    on(tmp_path, [HOLD, ASKED], work)


def somebody_resizes(app: App) -> None:
    assert app.world is not None
    container = {"name": "app", "resources": {"requests": {"memory": "200Mi"}}}
    body = {"spec": {"template": {"spec": {"containers": [container]}}}}
    app.world.send(Write("patch", Key("deployment", "shop", "checkout"), "", body, "lena"))


def test_where_the_second_is_refused_the_first_is_put_back(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        before = await hpa(app)
        plan = await planned(app)
        somebody_resizes(app)
        assert app.world is not None
        app.world.advance(300)  # that rollout is over
        carried = await applied(app, plan)
        first, second = carried.steps
        assert (first.status, second.status) == ("applied", "refused")
        assert isinstance(first.result, Applied)
        assert second.detail.endswith(f"record {first.result.record} was put back"), second.detail
        assert (await hpa(app)).target_cpu is None
        assert (await hpa(app)).target_percent
        twice = await applied(app, plan)
        assert [done.status for done in twice.steps] == ["applied", "refused"]
        assert (await hpa(app)).target_cpu is None, "put back once, and not done again"
        assert before.target_percent is not None

    on(tmp_path, [HOLD, RESIZE], work)


def test_where_the_log_is_away_then_it_is_said_what_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App) -> None:
        plan = await planned(app)
        somebody_resizes(app)
        assert app.world is not None
        app.world.advance(300)
        execute = app.executor.execute

        async def fails(request: Request, **more: Any) -> Any:
            if request.undoes is not None:
                raise LogUnavailable("the disk is full", where="the log")
            return await execute(request, **more)

        monkeypatch.setattr(type(app.executor), "execute", staticmethod(fails))
        first, second = (await applied(app, plan)).steps
        assert (first.status, second.status) == ("applied", "refused")
        assert second.detail.endswith("stays (the disk is full)"), second.detail

    on(tmp_path, [HOLD, RESIZE], work)


def test_while_pods_are_being_replaced_it_is_left_held_and_said(tmp_path: Path) -> None:
    """A share of the requests would be one of pods that are leaving; as CPU of a pod the point stays meanwhile."""

    async def work(app: App) -> None:
        plan = await planned(app)
        somebody_resizes(app)
        _, second = (await applied(app, plan)).steps
        assert second.status == "refused"
        assert "stays (deployment/checkout: its pods are being replaced" in second.detail
        assert (await hpa(app)).target_cpu is not None

    on(tmp_path, [HOLD, RESIZE], work)


def test_new_requests_that_count_on_the_hold_wait_for_it(tmp_path: Path) -> None:
    """By itself the second is refused right before the write, and says which command comes first."""

    async def work(app: App) -> None:
        asked = await requests(app)
        ended = await app.executor.execute(pair(app)[1])
        assert "of the CPU requests still" in getattr(ended, "what", "")
        assert "keep-scale-point deployment/checkout --unit cpu" in getattr(ended, "hint", "")
        assert await requests(app) == asked
        dry = pair(app)[1].model_copy(update={"id": "a-dry-run-of-it", "mode": "dry_run"})
        assert type(await app.executor.execute(dry)).__name__ == "Simulated"

    on(tmp_path, [HOLD, RESIZE], work)


def test_who_names_no_pair_plans_as_before(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        first, then = pair(app)
        plan = await app.approvals.plans.propose([first, then], app.identity.by_hand())
        assert [s.stands_on for s in plan.steps] == [0, 0]
        assert all("stands_on" not in str(s.sealed) for s in plan.steps), (
            "plans of older logs keep their digest"
        )

    on(tmp_path, [HOLD, RESIZE], work)
