"""Plans under attack: agents that apply or approve, forged and foreign plans, handles that collide, other people's
votes, many steps."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogTampered
from audit.record import Record
from policies.types import Claim, Principal, Scope
from sandbox.world import World
from tests.kit.crash_rig import NAMESPACE, POLICY, Rig, balanced, run
from tests.kit.effort import rounds
from tests.kit.installation import App, within
from tests.kit.manifests import workload
from tests.tools.plans.test_plans import applied, ended, planned
from tools.approvals.approvals import NoSuchQuestion
from tools.approvals.voting import VoteRefused
from tools.errors import ClusterMismatch
from tools.path.outcome import Pending
from tools.plans.plan import NoSuchPlan, Plan, PlanRefused, marked
from tools.plans.records import drafted

SCOPE = Scope(clusters=("sandbox",), namespaces=("shop",), actions=("scale",))


@dataclass
class Team:
    """Everybody is who they say: several people at one server, each signed in."""

    human: str

    def refuses(self, principal: Principal) -> str | None:
        return None if principal.on_behalf_of else "no human is behind it"


def person(name: str, *groups: str) -> Principal:
    return Principal(agent=None, on_behalf_of=f"human:{name}", groups=groups, session=f"{name}-1")


def test_an_agent_neither_applies_nor_approves_nor_denies(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        plan, agent = await planned(rig, {"web": 18, "search": 5}), rig.identity.agent("agent:ops", SCOPE)
        nobody = Principal(agent=None, on_behalf_of=None, groups=("group:local",), session="s")
        for who in (agent, nobody):
            with pytest.raises(PlanRefused):
                await rig.approvals.plans.carry_out(plan.handle, who)
            for vote in (
                rig.approvals.plan_votes.approve(plan, who),
                rig.approvals.plan_votes.vote(plan, who),
                rig.approvals.plan_votes.deny(plan, who, "no"),
            ):
                with pytest.raises(VoteRefused):
                    await vote
        b = await balanced(rig)
        assert not b.intents
        assert not [e for e in b.entries if e.record.kind.startswith("approval.")]

    run(folder, work)


def test_no_tool_reaches_a_plan(tmp_path: Path) -> None:
    async def names(app: App) -> list[str]:
        return [schema["function"]["name"] for schema in app.toolbox.schemas()]  # type: ignore[index]

    found = within(tmp_path, names)
    assert "scale" in found
    assert not [n for n in found if any(word in n for word in ("plan", "approve", "apply", "deny", "vote"))]


def test_a_stranger_neither_applies_nor_votes(folder: Path) -> None:
    """In local mode the person is the OS user; who says to be somebody else is refused."""

    async def work(rig: Rig) -> None:
        plan, mallory = await planned(rig, {"web": 18}), person("mallory", "group:local")
        with pytest.raises(PlanRefused):
            await rig.approvals.plans.carry_out(plan.handle, mallory)
        with pytest.raises(VoteRefused):
            await rig.approvals.plan_votes.approve(plan, mallory)

    run(folder, work)


def test_another_persons_plan_is_not_applied_here(folder: Path) -> None:
    """A plan of somebody else's in this log: its steps would be theirs, and this process cannot speak for them."""

    async def work(rig: Rig) -> None:
        mine, mallory = await planned(rig, {"web": 18}), person("mallory", "group:local")
        steps = tuple(
            step.model_copy(update={"request": step.request.model_copy(update={"principal": mallory})})
            for step in mine.steps
        )
        plan = mine.model_copy(update={"id": "f" * 32, "principal": mallory, "steps": steps})
        await rig.log.commit(drafted(rig.context.journal, plan), (Claim("set", *marked(plan)),))
        with pytest.raises(PlanRefused, match="not human:mallory"):
            await rig.approvals.plans.carry_out(plan.digest, rig.identity.by_hand())
        assert not (await balanced(rig)).intents

    run(folder, work)


TEAM = """
apiVersion: flyball/v1
kind: RoleBinding
metadata: {name: sres}
spec: {subjects: ["human:lena", "human:anna"], role: sre, clusters: [sandbox]}
---
apiVersion: flyball/v1
kind: RoleBinding
metadata: {name: dbas}
spec: {subjects: ["human:zoe"], role: dba, clusters: [sandbox]}
---
apiVersion: flyball/v1
kind: RoleBinding
metadata: {name: operators}
spec: {subjects: ["human:anna"], role: operator, clusters: [sandbox]}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: web-by-sre}
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [web]}
  effect: allow
  limits: {replicas: {min: 1, max: 20}}
  approval: {from: sre, expires: 15m}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: search-by-dba}
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [search]}
  effect: allow
  limits: {replicas: {min: 1, max: 20}}
  approval: {from: dba, expires: 10m}
...
"""


async def of_anna(rig: Rig) -> Plan:
    rig.context.identity = Team("human:anna")
    anna = person("anna")
    requests = [
        rig.scale(8, name, id=f"any-of-{name}").model_copy(update={"principal": anna})
        for name in ("web", "search")
    ]
    return await rig.approvals.plans.propose(requests, anna)


def test_duties_are_separate_for_each_step(folder: Path) -> None:
    """Nobody approves their own; each votes on what is theirs, and is told what is not."""
    (folder / "policy" / "policy.yaml").write_text(TEAM)

    async def work(rig: Rig) -> None:
        plan = await of_anna(rig)
        assert [s.verdict for s in plan.steps] == ["needs_approval"] * 2
        for nobody in ("anna", "ANNA", "mallory"):
            with pytest.raises(VoteRefused):
                await rig.approvals.plan_votes.approve(plan, person(nobody))
        voted, carried = await rig.approvals.plan_votes.approve(plan, person("lena"))
        assert voted.steps == (1,)
        assert list(voted.not_for) == [2]
        assert "dba" in voted.not_for[2]
        assert ended(carried) == ["applied", "waiting"]
        voted, carried = await rig.approvals.plan_votes.approve(plan, person("zoe"))
        assert ended(carried) == ["applied", "applied"]

    run(folder, work)


def test_a_step_takes_the_votes_of_the_policy_of_now(folder: Path) -> None:
    """What was lena's to answer is zoe's since: neither lena's yes nor her no counts, and zoe's is enough."""
    file = folder / "policy" / "policy.yaml"
    file.write_text(TEAM)

    async def work(rig: Rig) -> None:
        plan = await of_anna(rig)
        (waiting,) = await rig.approvals.plans.waiting()
        assert [step.number for step in waiting.open] == [1, 2]
        file.write_text(TEAM.replace("from: sre", "from: dba"))
        for vote in (rig.approvals.plan_votes.approve, rig.approvals.plan_votes.deny):
            with pytest.raises(VoteRefused, match="it takes dba"):
                await vote(plan, person("lena"), "mine")
        assert not await rig.log.find(kinds=("approval.granted", "approval.denied"))
        voted, carried = await rig.approvals.plan_votes.approve(plan, person("zoe"))
        assert (voted.steps, ended(carried)) == ((1, 2), ["applied"] * 2)

    run(folder, work)


def test_votes_of_the_policy_of_then_are_not_enough_any_more(folder: Path) -> None:
    """Lena's yes was given while it counted; the step goes on waiting, and is shown so, until zoe's."""
    file = folder / "policy" / "policy.yaml"
    file.write_text(TEAM)

    async def work(rig: Rig) -> None:
        plan, votes = await of_anna(rig), rig.approvals.plan_votes
        await votes.vote(plan, person("lena"))
        file.write_text(TEAM.replace("from: sre", "from: dba"))
        assert ended(await rig.approvals.plans.carry_out(plan.handle, person("anna"))) == ["waiting"] * 2
        (waiting,) = await rig.approvals.plans.waiting()
        assert [step.number for step in waiting.open] == [1, 2]
        await votes.vote(plan, person("zoe"))
        assert await rig.approvals.plans.waiting() == []
        assert ended(await rig.approvals.plans.carry_out(plan.handle, person("anna"))) == ["applied"] * 2

    run(folder, work)


@pytest.mark.parametrize("vote", ["approve", "deny", "approve_plan", "deny_plan"])
def test_a_role_that_has_ended_votes_no_more(folder: Path, vote: str) -> None:
    """Neither yes nor no, also where nothing was judged since it ended."""

    async def work(rig: Rig) -> None:
        end = datetime.fromtimestamp(rig.world.now_ms() / 1000 + 60, UTC).isoformat()
        ending = TEAM.replace(
            "role: sre, clusters: [sandbox]", f'role: sre, clusters: [sandbox], until: "{end}"'
        )
        (folder / "policy" / "policy.yaml").write_text(ending)
        plan, lena = await of_anna(rig), person("lena")
        asked = await rig.executor.execute(plan.steps[0].request.model_copy(update={"id": "by-itself"}))
        assert isinstance(asked, Pending)
        rig.world.advance(120)
        votes = {
            "approve": lambda: rig.approvals.approve(asked.handle, lena),
            "deny": lambda: rig.approvals.deny(asked.handle, lena, "no"),
            "approve_plan": lambda: rig.approvals.plan_votes.approve(plan, lena),
            "deny_plan": lambda: rig.approvals.plan_votes.deny(plan, lena, "no"),
        }
        with pytest.raises(VoteRefused):
            await votes[vote]()
        assert not await rig.log.find(kinds=("approval.granted", "approval.denied"))

    run(folder, work)


def test_a_quorum_is_of_different_people(folder: Path) -> None:
    policy = TEAM.replace("{from: sre, expires: 15m}", "{from: sre, count: 2, expires: 15m}")
    policy = policy.replace('"human:lena", "human:anna"', '"human:lena", "human:max"')
    (folder / "policy" / "policy.yaml").write_text(policy)

    async def work(rig: Rig) -> None:
        plan = await of_anna(rig)
        for _ in range(2):
            _, carried = await rig.approvals.plan_votes.approve(plan, person("lena"))
            assert ended(carried)[0] == "waiting"
        assert len(await rig.log.find(kinds=("approval.granted",))) == 1, "her second yes adds nothing"
        _, carried = await rig.approvals.plan_votes.approve(plan, person("max"))
        assert ended(carried) == ["applied", "waiting"]

    run(folder, work)


def test_who_may_vote_on_nothing_denies_nothing_but_its_own_person_withdraws_it(folder: Path) -> None:
    (folder / "policy" / "policy.yaml").write_text(TEAM)

    async def work(rig: Rig) -> None:
        plan = await of_anna(rig)
        with pytest.raises(VoteRefused):
            await rig.approvals.plan_votes.deny(plan, person("mallory"), "spite")
        await rig.approvals.plan_votes.deny(plan, person("anna"), "changed my mind")
        with pytest.raises(NoSuchPlan):
            await rig.approvals.plan_votes.approve(plan, person("lena"))

    run(folder, work)


def test_two_plans_of_one_handle_are_refused_until_more_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = Plan.digest.func  # type: ignore[attr-defined]
    monkeypatch.setattr(Plan, "digest", property(lambda plan: "deadbeef" + digest(plan)[8:]))

    async def work(rig: Rig) -> None:
        first, second = await planned(rig, {"worker": 4}), await planned(rig, {"search": 5})
        assert first.handle == second.handle == "deadbeef"
        for find in (rig.approvals.plans.one, rig.approvals.named):
            with pytest.raises(NoSuchPlan, match="2 plans"):
                await find("deadbeef")
        assert (await rig.approvals.plans.one(first.digest)).id == first.id
        assert not (await balanced(rig)).intents

    run(folder, work)


def test_a_plan_and_a_question_of_one_handle_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(rig: Rig) -> None:
        asked = await rig.executor.execute(rig.scale(18, id="the-request"))
        prefix, digest = asked.request.digest[:8], Plan.digest.func  # type: ignore[attr-defined]
        monkeypatch.setattr(Plan, "digest", property(lambda plan: prefix + digest(plan)[8:]))
        plan = await planned(rig, {"worker": 4})
        with pytest.raises(NoSuchQuestion, match="a question and a plan"):
            await rig.approvals.named(plan.handle)
        assert await rig.approvals.named(plan.digest) == plan

    run(folder, work)


def changed_diff(record: Record) -> Record:
    return record.model_copy(update={"labels": {"diff": "2 -> 2"}})


def changed_verdict(record: Record) -> Record:
    assert record.decision is not None
    return record.model_copy(update={"decision": record.decision.model_copy(update={"verdict": "allow"})})


def changed_policy(record: Record) -> Record:
    """As if the policy that is in force now had judged it."""
    assert record.decision is not None
    said = record.decision.model_copy(update={"policy_sha256": "0" * 64})
    return record.model_copy(update={"decision": said})


def changed_request(record: Record) -> Record:
    args = {**(record.request or {})["args"], "replicas": 12}
    return record.model_copy(update={"request": {**(record.request or {}), "args": args}})


def changed_agent(record: Record) -> Record:
    who = {**(record.request or {})["principal"], "session": "elsewhere"}
    return record.model_copy(update={"request": {**(record.request or {}), "principal": who}})


def no_request(record: Record) -> Record:
    return record.model_copy(update={"request": None})


def of_no_plan(record: Record) -> Record:
    return record.model_copy(update={"parents": ()})


@pytest.mark.parametrize(
    "forge",
    [changed_diff, changed_verdict, changed_policy, changed_request, changed_agent, no_request, of_no_plan],
)
def test_a_forged_step_is_not_its_digests(folder: Path, forge: Any) -> None:
    """Somebody with the log's key writes a plan whose steps are others than those of the digest."""

    async def work(rig: Rig) -> None:
        plan = await planned(rig, {"web": 18})
        again = plan.model_copy(update={"id": "f" * 32})
        head, step = drafted(rig.context.journal, again)
        await rig.log.commit((head, forge(step)), (Claim("set", *marked(again)),))
        with pytest.raises(LogTampered, match="digest"):
            await rig.approvals.plans.one(again.handle)
        assert not (await balanced(rig)).intents

    run(folder, work)


@pytest.mark.parametrize("part", ["expires_ms", "cluster_uid", "steps", "principal"])
def test_a_forged_head_is_not_its_digests(folder: Path, part: str) -> None:
    wrong: dict[str, Any] = {"expires_ms": 2**52, "cluster_uid": "", "steps": 0, "principal": None}

    async def work(rig: Rig) -> None:
        plan = (await planned(rig, {"web": 18})).model_copy(update={"id": "f" * 32})
        head, *rest = drafted(rig.context.journal, plan)
        head = head.model_copy(update={"args": {**(head.args or {}), part: wrong[part]}})
        await rig.log.commit((head, *rest), (Claim("set", *marked(plan)),))
        with pytest.raises(LogTampered):
            await rig.approvals.plans.one(plan.handle)

    run(folder, work)


def manifests(names: Sequence[str], replicas: int = 2) -> list[dict[str, Any]]:
    return [workload(name, namespace=NAMESPACE, replicas=replicas) for name in names]


def test_a_plan_for_another_cluster_is_not_carried_out_on_this_one(folder: Path) -> None:
    """The same name, another UID: the cluster was replaced under the context's name."""
    plan = run(folder, lambda rig: planned(rig, {"web": 18, "search": 5}))
    world = World(folder)
    world.reset(manifests(["web", "search"]), cluster_uid="11111111-7d43-4b52-9d0e-3f6a5f1c2b7d")
    world.close()

    async def work(rig: Rig) -> None:
        with pytest.raises(ClusterMismatch):
            await applied(rig, plan)
        with pytest.raises(ClusterMismatch):
            await rig.approvals.plan_votes.approve(plan, rig.identity.by_hand())
        assert await rig.approvals.plans.waiting() == []

    run(folder, work)


def test_very_many_steps(tmp_path: Path, made_world: Path) -> None:
    """Each whole request is in the log, no leaf is too long, and the plan is read back as it was."""
    count = rounds(100, 500)
    names = [f"w-{n:03}" for n in range(count)]
    folder = tmp_path / "state"
    (folder / "policy").mkdir(parents=True)
    policy = POLICY.replace("names: [web]}", 'names: ["w-*"]}')
    (folder / "policy" / "policy.yaml").write_text(policy)
    world = World(folder)
    world.reset(manifests(names, replicas=0), cluster_uid="8a0c1f5e-7d43-4b52-9d0e-3f6a5f1c2b7d")
    world.close()

    async def work(rig: Rig) -> None:
        plan = await planned(rig, dict.fromkeys(names, 18))
        assert len(plan.having("needs_approval")) == count
        assert await rig.approvals.plans.one(plan.handle) == plan
        left_out = [f"deployment/{name}" for name in names[3:]]
        voted, carried = await rig.approvals.plan_votes.approve(
            plan, rig.identity.by_hand(), exclude=left_out
        )
        assert voted.steps == (1, 2, 3)
        assert carried.counts() == {"applied": 3, "excluded": count - 3}
        with pytest.raises(PlanRefused, match=rf"left out deployment/w-003.* and {count - 8} more"):
            await rig.approvals.plan_votes.vote(plan, rig.identity.by_hand())
        again = await rig.approvals.plans.carry_out(plan.handle, rig.identity.by_hand())
        assert again.counts() == {"applied": 3, "waiting": count - 3}
        voted = await rig.approvals.plan_votes.vote(plan, rig.identity.by_hand())
        assert len(voted.steps) == count - 3
        await rig.approvals.plan_votes.deny(plan, rig.identity.by_hand(), "too many")
        denied = await rig.log.find(kinds=("approval.denied",))
        assert len(denied) == 1 + count - 3
        assert sum((await balanced(rig)).effects.values()) == 3

    run(folder, work)


def test_a_reason_as_long_as_it_may_be(folder: Path) -> None:
    async def work(rig: Rig) -> None:
        one = rig.scale(4, "worker", id="the-request", reason="☃" * 2048)
        plan = await rig.approvals.plans.propose([one], rig.identity.by_hand(), "☃" * 1_000)
        assert ended(await applied(rig, plan)) == ["applied"]

    run(folder, work)


def test_many_looks_at_once_share_nothing(folder: Path) -> None:
    """Two plans that are made in one process at the same time keep their steps apart."""

    async def work(rig: Rig) -> None:
        first, second = await asyncio.gather(planned(rig), planned(rig))
        assert first.id != second.id
        assert ended(await applied(rig, second)) == ["applied"] * 3
        assert ended(await applied(rig, first)) == ["refused"] * 3

    run(folder, work)
