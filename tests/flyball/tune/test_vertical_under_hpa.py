"""New CPU requests under an HPA on utilisation, from the strategy to the pods: one plan of two steps, its scale point
held first, and while the rollout runs and after it the simulated HPA moves no pod for it. A death between the two
leaves both or none."""

from pathlib import Path

import pytest

from agents.tuner.strategies import strategies
from agents.tuner.strategy import Aim
from flyball.tuning_pass import apply_plan, tune, tune_as
from flyball.tuning_plans import end_half_done
from policies.types import AgentName, Target
from tests.kit.installation import LOCAL, App, allow, doc, within, write_policy
from tools.errors import ToolError
from tools.plans.apply import StepRunner, Walk
from tools.plans.plan import PlanStep, StepDone
from tools.scale_point import ScalePoint

CHECKOUT = Target(cluster="sandbox", namespace="shop", kind="deployment", name="checkout")
TUNER = doc("Agent", "tuner", {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"})
CPU = {
    **{f"cpu{part}": {"min": "50m", "max": "2"} for part in ("Request", "Limit")},
    **{f"memory{part}": {"min": "1Mi", "max": "8Gi"} for part in ("Request", "Limit")},
}
WHERE = {"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["checkout"]}
READ = allow("read", ["read"], {"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["*"]})
RESIZE = allow("resize", ["set_resources"], WHERE, limits=CPU, cooldown="1h")
HOLD = allow("hold", ["keep_scale_point"], WHERE, cooldown="1h")


def test_the_plan_holds_the_scale_point_and_no_pod_comes_or_goes(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        (before,) = await app.context.reader.autoscalers(CHECKOUT)
        was = await app.context.reader.read(CHECKOUT)
        request = was.containers[0].resources.cpu_request
        assert before.target_percent
        assert request
        (strategy,) = strategies(("vertical-template",), Aim())
        tuned = await tune(app, strategy, "r-vertical-01")
        row = next(row for row in tuned.done.rows if row.proposal.target == CHECKOUT)
        assert (row.proposal.why, row.status) == ("cpu-too-small", "simulated")
        assert tuned.plan is not None
        assert [(s.request.tool, s.verdict, s.stands_on) for s in tuned.plan.steps] == [
            ("keep_scale_point", "allow", 0), ("set_resources", "allow", 1),
        ]  # fmt: skip
        assert [s.request.strategy for s in tuned.plan.steps] == [None, "vertical-template"]
        carried = await apply_plan(app, tuned.plan)
        assert [done.status for done in carried.steps] == ["applied", "applied"]
        for _ in range(12):
            app.world.advance(15)
            assert (await app.context.reader.read(CHECKOUT)).replicas == was.replicas
        (after,) = await app.context.reader.autoscalers(CHECKOUT)
        assert after.target_cpu == ScalePoint(before.target_percent, request).millicores
        assert (await app.context.reader.read(CHECKOUT)).updated == was.replicas, "the rollout is over"

    within(tmp_path, work, write_policy(tmp_path / "policies", [LOCAL, TUNER, READ, RESIZE, HOLD]))


def test_without_a_rule_for_the_hold_policy_keeps_it(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        (strategy,) = strategies(("vertical-template",), Aim())
        tuned = await tune(app, strategy, "r-vertical-02")
        row = next(row for row in tuned.done.rows if row.proposal.target == CHECKOUT)
        assert (row.proposal.change, row.proposal.why) == (None, "policy-keeps-it")
        assert "keep_scale_point" in row.proposal.notes[0]
        assert tuned.plan is None

    within(tmp_path, work, write_policy(tmp_path / "policies", [LOCAL, TUNER, READ, RESIZE]))


NIGHT: AgentName = "agent:night"
RUN = "r-000000000001"
BY_NIGHT = doc(
    "Agent", "night",
    {"owner": "local", "roles": ["operator"], "autonomy": "autonomous", "strategy": ["vertical-template"],
     "scope": {**WHERE, "kinds": ["deployment"]}, "schedule": {"cron": "0 3 * * *", "zone": "UTC"}},
)  # fmt: skip


class Killed(BaseException):
    """The process is gone."""


async def killed_between_the_two(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out = StepRunner.carry_out

    async def until_the_second(self: StepRunner, walk: Walk, step: PlanStep) -> StepDone:
        if step.stands_on:
            raise Killed
        return await carry_out(self, walk, step)

    with monkeypatch.context() as patched:
        patched.setattr(StepRunner, "carry_out", until_the_second)
        with pytest.raises(Killed):
            await tune_as(app, NIGHT, RUN)
    assert (await app.context.reader.autoscalers(CHECKOUT))[0].target_cpu, "held, and the requests as before"
    assert app.world is not None
    app.world.advance(15)


async def cpu(app: App) -> int | None:
    return (await app.context.reader.read(CHECKOUT)).containers[0].resources.cpu_request


def test_a_death_between_the_two_does_not_part_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look anew sees another HPA, and would ask for something else under the same ids."""

    async def work(app: App) -> None:
        before = await cpu(app)
        await killed_between_the_two(app, monkeypatch)
        found = await tune_as(app, NIGHT, RUN)
        assert found.carried is not None
        assert [(s.step.request.tool, s.status) for s in found.carried.steps] == [
            ("keep_scale_point", "applied"), ("set_resources", "applied"),
        ]  # fmt: skip
        assert (await cpu(app) or 0) > (before or 0)
        intents = len(await app.log.find(kinds=("action.intent",)))
        await tune_as(app, NIGHT, RUN)
        assert len(await app.log.find(kinds=("action.intent",))) == intents, "nothing twice"

    within(tmp_path, work, write_policy(tmp_path / "policies", [LOCAL, BY_NIGHT, READ, RESIZE, HOLD]))


def test_after_a_death_the_first_is_put_back_where_the_second_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App) -> None:
        before = await cpu(app)
        await killed_between_the_two(app, monkeypatch)
        with monkeypatch.context() as patched:
            patched.setattr(StepRunner, "voted", _refused)
            found = await tune_as(app, NIGHT, RUN)
        assert found.carried is not None
        assert "was put back" in found.carried.steps[1].detail
        assert await cpu(app) == before
        assert (await app.context.reader.autoscalers(CHECKOUT))[0].target_percent

    within(tmp_path, work, write_policy(tmp_path / "policies", [LOCAL, BY_NIGHT, READ, RESIZE, HOLD]))


def test_after_a_death_the_first_is_put_back_where_policy_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan holds under one policy: its second step is refused, and what the first has done is not forgotten."""
    documents = [LOCAL, BY_NIGHT, READ, RESIZE, HOLD]

    async def work(app: App) -> None:
        before = await cpu(app)
        await killed_between_the_two(app, monkeypatch)
        write_policy(tmp_path / "policies", [*documents, allow("more", ["restart"], WHERE)])
        found = await end_half_done(app, RUN)
        assert found is not None
        assert [s.status for s in found.steps] == ["applied", "refused"]
        assert "policy has changed" in found.steps[1].detail
        assert "was put back" in found.steps[1].detail
        assert await cpu(app) == before
        assert (await app.context.reader.autoscalers(CHECKOUT))[0].target_percent

    within(tmp_path, work, write_policy(tmp_path / "policies", documents))


async def _refused(*_: object) -> bool:
    raise ToolError("the cluster has said no", where="it")
