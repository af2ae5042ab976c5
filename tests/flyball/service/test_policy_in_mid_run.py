"""Policy is edited in the middle of a scheduled run: what was done stays, what follows goes by the new policy.

A run's requests are judged one by one; the epoch of the policy is a claim of each.
"""

from pathlib import Path
from typing import Any

import pytest

from policies.types import Principal, Request
from tests.flyball.service.test_schedules import HOUR_S, Rig, agent, within
from tests.kit.installation import App, allow, scale
from tools.actions import registry
from tools.path.outcome import Applied, Refused, Result
from tools.path.requests import build

LIMITS = {"replicas": {"min": 1, "max": 20, "maxStep": 20}}
SCALING = allow("scaling", ["scale"], limits=LIMITS)
WANTED = {"deployment/web": 6, "deployment/search": 5, "statefulset/worker": 5}
READING = allow("reading", ["describe_workload", "list_workloads"])


def requests(who: Principal, run_id: str) -> list[Request]:
    args = registry.action("scale").args
    return [
        build(
            "scale",
            registry.parse(args, scale(replicas, name)),
            id=f"{run_id}-{name}".replace("/", "-"),
            principal=who,
            cluster="sandbox",
            namespace="shop",
            mode="live",
        )
        for name, replicas in WANTED.items()
    ]


class Editing(Rig):
    """Its run makes three changes, and edits policy when the first one is done."""

    def __init__(self, app: App, policies: Path) -> None:
        super().__init__(app, policies)
        self.changed: list[dict[str, Any]] = []
        self.results: list[Result] = []

    async def _tune(self, app: App, agent: str, run_id: str) -> str:
        who = app.identity.scheduled(agent, "local", app.scope("shop"), run_id)
        for request in requests(who, run_id):
            self.results.append(await app.executor.execute(request))
            self.policy(*self.changed)
        return "3 requests"


@pytest.mark.parametrize(
    ("changed", "second", "why"),
    [
        ([agent(), READING], Refused, "no rule"),
        ([agent("other"), SCALING], Refused, "agent:night"),
        ([agent("night", None), SCALING], Refused, "no schedule"),
        ([agent(owner="human:somebody-else"), SCALING], Refused, "runs for its owner"),
        ([agent(autonomy="observe"), SCALING], Refused, "observe"),
        ([agent(), SCALING, allow("more", ["restart"])], Applied, ""),
    ],
    ids=["the rule is gone", "the agent is gone", "its schedule", "its owner", "its level", "something else"],
)
def test_each_step_goes_by_the_policy_of_its_moment(
    tmp_path: Path, changed: list[dict[str, Any]], second: type[Result], why: str
) -> None:
    async def work(rig: Rig) -> None:
        assert isinstance(rig, Editing)
        rig.changed = changed
        await rig.look()
        await rig.later(HOUR_S)
        first, *rest = rig.results
        assert isinstance(first, Applied)
        assert [type(result) for result in rest] == [second] * 2, rest
        assert all(why in result.detail for result in rest if isinstance(result, Refused))
        assert not await rig.app.executor.resolver.open_intents()

    within(tmp_path, work, agent(), SCALING, rig=Editing)


def test_an_owner_whose_rights_are_withdrawn_stops_the_rest(tmp_path: Path) -> None:
    """No RoleBinding is left: the agent may still do it, its owner may not."""

    async def work(rig: Rig) -> None:
        assert isinstance(rig, Editing)
        rig.bindings, rig.changed = [], [agent(), SCALING]
        await rig.look()
        await rig.later(HOUR_S)
        assert [type(result) for result in rig.results] == [Applied, Refused, Refused]

    within(tmp_path, work, agent(), SCALING, rig=Editing)
