"""Threats 6, 17, 25: the policy changes in flight, breaks, is exchanged; a FLYBALL_ variable tries to widen it."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit.log import Entry
from flyball.settings import TABLE, load
from policies.errors import PolicyInvalid
from tests.kit.installation import (
    LOCAL,
    OPS,
    App,
    allow,
    ask,
    deny,
    doc,
    flags,
    installation,
    kinds,
    proposed,
    replicas,
    scale,
    target,
    within,
    write_policy,
)
from tools.approvals.voting import VoteRefused
from tools.path.outcome import Applied, Pending, Refused, Simulated


def _limits(top: int, **more: Any) -> list[dict[str, Any]]:
    rule = allow("scaling", ["scale"], limits={"replicas": {"min": 1, "max": top}}, **more)
    return [LOCAL, OPS, allow("reads", ["read"]), rule]


def test_a_tightened_policy_binds_from_the_next_decision_and_is_recorded(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", _limits(20))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            assert (await ask(app, "scale", scale(8))).status == "applied"
            write_policy(policies, _limits(9))
            assert (await ask(app, "scale", scale(15))).status == "refused"
            assert (await kinds(app)).count("policy.changed") == 2

    asyncio.run(run())


def test_a_policy_that_changes_between_decision_and_commit_takes_the_decision_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = write_policy(tmp_path / "policies", _limits(20))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            attempts = app.executor._runner
            decide = attempts.decide

            async def then_swap(*args: object) -> object:
                decision = await decide(*args)  # type: ignore[arg-type]
                write_policy(policies, _limits(9))
                await app.context.gate()
                return decision

            monkeypatch.setattr(attempts, "decide", then_swap)
            result = await app.executor.execute(proposed(app, 15))
            assert isinstance(result, Refused)
            assert result.stage == "policy"
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_policy_that_another_process_announces_in_between_takes_the_decision_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are not ours: only the log can tell, by the claim on the epoch."""
    wide = write_policy(tmp_path / "wide", _limits(20))
    strict = write_policy(tmp_path / "strict", _limits(9))

    async def run() -> None:
        async with installation(tmp_path, wide) as loose, installation(tmp_path, strict) as tight:
            attempts = loose.executor._runner
            decide = attempts.decide

            async def then_act(*args: object) -> object:
                decision = await decide(*args)  # type: ignore[arg-type]
                await tight.context.announce(await tight.context.gate(), proposed(tight, 9))
                return decision

            monkeypatch.setattr(attempts, "decide", then_act)
            result = await loose.executor.execute(proposed(loose, 15))
            assert isinstance(result, Refused)
            assert result.stage == "policy"
            assert f"announced by {tight.identity.human}" in result.detail
            assert await replicas(loose) == 4

    asyncio.run(run())


@pytest.mark.parametrize("break_it", ["truncate", "empty", "remove", "swap-for-file", "widen-unparsed"])
def test_a_policy_that_breaks_leaves_the_last_good_one_in_force(tmp_path: Path, break_it: str) -> None:
    policies = write_policy(tmp_path / "policies", _limits(9))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            assert (await ask(app, "scale", scale(15))).status == "refused"
            _break(policies, break_it)
            assert (await ask(app, "scale", scale(15))).status == "refused"
            assert app.context.policy.problem is not None
            assert (await ask(app, "scale", scale(8))).status == "applied"

    asyncio.run(run())
    if break_it != "swap-for-file":
        with pytest.raises(PolicyInvalid):
            within(tmp_path, kinds, policies)


def _break(policies: Path, how: str) -> None:
    file = policies / "policy.yaml"
    match how:
        case "truncate":
            file.write_bytes(file.read_bytes()[:-5])
        case "empty":
            file.write_bytes(b"")
        case "remove":
            file.unlink()
        case "swap-for-file":
            shutil.rmtree(policies)
            policies.write_text("not a folder", encoding="utf-8")
        case _:
            file.write_text(file.read_text().replace('"max": 9', '"max": 1e9'), encoding="utf-8")


def test_an_approval_under_the_old_policy_is_judged_by_the_new_one(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", _limits(20, approval={"from": "local", "when": "always"}))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            asked = await app.executor.execute(proposed(app, 15))
            assert isinstance(asked, Pending)
            write_policy(policies, _limits(9))
            result = await app.approvals.approve(asked.handle, app.identity.by_hand())
            assert isinstance(result, Refused)
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_process_with_another_policy_folder_does_not_act_beside_the_first(tmp_path: Path) -> None:
    """Both work on one log: the one whose policy is not the newest recorded loses its claims, it never widens."""
    strict = write_policy(tmp_path / "strict", _limits(9))
    wide = write_policy(tmp_path / "wide", _limits(100))

    async def run() -> None:
        async with installation(tmp_path, wide) as loose:
            assert isinstance(await loose.executor.execute(proposed(loose, 8)), Applied)
            async with installation(tmp_path, strict) as tight:
                assert isinstance(await tight.executor.execute(proposed(tight, 9)), Applied)
                result = await loose.executor.execute(proposed(loose, 50))
                assert isinstance(result, Refused)
                assert result.stage == "policy"
                assert await replicas(tight) == 9

    asyncio.run(run())


def test_looking_and_asking_with_another_folder_stop_nobody(tmp_path: Path) -> None:
    """Reads, rehearsals and previews announce nothing: only who acts moves the policy in force."""
    wide = write_policy(tmp_path / "wide", _limits(100))
    strict = write_policy(tmp_path / "strict", _limits(9))

    async def run() -> None:
        async with installation(tmp_path, wide) as loose:
            assert isinstance(await loose.executor.execute(proposed(loose, 8)), Applied)
            before = (await kinds(loose)).count("policy.changed")
            async with installation(tmp_path, strict) as tight:
                assert (await ask(tight, "list_workloads", {})).status == "ok"
                assert isinstance(await tight.executor.execute(proposed(tight, 9, mode="dry_run")), Simulated)
                assert isinstance(await tight.executor.execute(proposed(tight, 50, mode="dry_run")), Refused)
                decision, _ = await tight.executor.preview(proposed(tight, 9))
                assert decision.verdict == "allow", "asked by its own policy"
            assert (await kinds(loose)).count("policy.changed") == before
            assert isinstance(await loose.executor.execute(proposed(loose, 50)), Applied)

    asyncio.run(run())


def test_who_moved_the_policy_is_said(tmp_path: Path) -> None:
    wide = write_policy(tmp_path / "wide", _limits(100))
    strict = write_policy(tmp_path / "strict", _limits(9))

    async def run() -> None:
        async with installation(tmp_path, wide) as loose, installation(tmp_path, strict) as tight:
            assert isinstance(await loose.executor.execute(proposed(loose, 8)), Applied)
            assert isinstance(await tight.executor.execute(proposed(tight, 9)), Applied)
            result = await loose.executor.execute(proposed(loose, 50))
            assert isinstance(result, Refused)
            (moved,) = await loose.log.find(kinds=("policy.changed",), newest_first=True, limit=1)
            who = f"announced by {tight.identity.human}, {tight.identity.session}: record {moved.seq}"
            assert who in result.detail
            decision, _ = await loose.executor.preview(proposed(loose, 50))
            assert decision.stage == "policy", (
                "what it announced before holds no more, and it does not pretend"
            )

    asyncio.run(run())


def test_files_that_do_not_load_are_told_in_each_refusal_and_once_in_the_log(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", _limits(9))

    async def problems(app: App) -> list[str]:
        found = await app.log.find(kinds=("policy.changed",))
        labels = [entry.record.labels or {} for entry in found]
        return [one["problem"] for one in labels if "problem" in one]

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            assert isinstance(await app.executor.execute(proposed(app, 8)), Applied)
            (policies / "more.yaml").symlink_to("gone")
            for wanted in (15, 16):
                result = await app.executor.execute(proposed(app, wanted))
                assert isinstance(result, Refused)
                assert f"the policy files are not in force: {policies}/more.yaml" in result.detail
            unknown = await app.executor.execute(proposed(app, 8).model_copy(update={"tool": "no_such_tool"}))
            assert isinstance(unknown, Refused)
            assert "the policy files are not in force" in unknown.detail
            assert len(await problems(app)) == 1
            assert isinstance(await app.executor.execute(proposed(app, 7)), Applied)
            (policies / "more.yaml").unlink()
            result = await app.executor.execute(proposed(app, 15))
            assert isinstance(result, Refused)
            assert "not in force" not in result.detail
            assert (await problems(app))[1:] == ["none"]

    asyncio.run(run())


def _asking(role: str) -> list[dict[str, Any]]:
    sre = doc("RoleBinding", "sre", {"subjects": ["human:bob"], "role": "sre", "clusters": ["*"]})
    return [*_limits(20, approval={"from": role, "when": "always"}), sre]


def test_an_open_question_takes_the_votes_that_policy_asks_for_now(tmp_path: Path) -> None:
    policies = write_policy(tmp_path / "policies", _asking("local"))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            me = app.identity.by_hand()
            asked = await app.executor.execute(proposed(app, 15))
            assert isinstance(asked, Pending)
            write_policy(policies, _asking("sre"))
            with pytest.raises(VoteRefused, match="it takes sre"):
                await app.approvals.approve(asked.handle, me)
            again = await app.executor.execute(proposed(app, 16))
            assert isinstance(again, Pending)
            assert isinstance(await app.approvals.deny(asked.handle, me, "withdrawn"), Entry)
            write_policy(policies, _asking("local"))
            assert isinstance(await app.approvals.approve(again.handle, me), Applied)

    asyncio.run(run())


def test_an_open_plan_takes_the_votes_that_policy_asks_for_now(tmp_path: Path) -> None:
    """A vote that would not count is not recorded, and whose plan it is withdraws it under any policy."""
    policies = write_policy(tmp_path / "policies", _asking("local"))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            me, plans = app.identity.by_hand(), app.approvals.plans
            plan = await plans.propose([proposed(app, 15)], me)
            write_policy(policies, _asking("sre"))
            with pytest.raises(VoteRefused, match="it takes sre"):
                await app.approvals.plan_votes.approve(plan, me)
            assert await replicas(app) == 4
            again = await plans.propose([proposed(app, 16)], me)
            assert isinstance(await app.approvals.plan_votes.deny(plan, me, "withdrawn"), Entry)
            write_policy(policies, _asking("local"))
            _, carried = await app.approvals.plan_votes.approve(again, me)
            assert carried.counts() == {"applied": 1}

    asyncio.run(run())


TEMPTING = [
    "YES", "FORCE", "SKIP_POLICY", "NO_GATE", "ENFORCE", "MODE", "DRY_RUN", "USER", "AGENT", "AS", "GROUPS", "ROLE",
    "ADMIN", "AUTONOMY", "APPROVE", "AUTO_APPROVE", "LOG", "AUDIT", "DISABLE_AUDIT", "POLICY", "TASK", "LIMITS",
]  # fmt: skip


def test_no_variable_widens_what_policy_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TEMPTING:
        for value_of in (f"FLYBALL_{name}", f"FLYBALL_{name.lower()}"):
            monkeypatch.setenv(value_of, "1")
    for name in ("USER", "LOGNAME", "SUDO_USER", "USERNAME"):
        monkeypatch.setenv(name, "anna")
    assert not {f"FLYBALL_{name}" for name in TEMPTING} & {setting.variable for setting in TABLE}

    async def run() -> None:
        async with installation(tmp_path) as app:
            assert app.identity.human != "human:anna" or os.geteuid() != 0
            assert (await ask(app, "scale", scale(60))).status == "refused"
            assert (await ask(app, "scale", scale(15))).status == "pending"
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_policy_folder_that_is_not_there_is_never_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_POLICIES", str(tmp_path / "none"))
    with pytest.raises(Exception, match="no such folder"):
        within(tmp_path, kinds)


def test_the_pinned_checkpoint_finds_a_log_that_was_exchanged(tmp_path: Path) -> None:
    """Somebody moves the log away to lift the kill switch, the cooldown and the approvals' uses."""
    within(tmp_path, kinds)
    settings = load(flags(tmp_path))
    for file in (settings.state / "sandbox").glob("audit.*"):
        file.unlink()
    with pytest.raises(Exception, match=r".") as found:
        within(tmp_path, kinds)
    assert type(found.value).__name__ in ("LogTampered", "KeyInvalid")


def test_a_policy_that_is_tightened_while_the_lease_is_waited_for_binds(tmp_path: Path) -> None:
    """Half a minute may pass there, and nobody else has announced the new policy in the log."""
    policies = write_policy(tmp_path / "policies", _limits(20))

    async def run() -> None:
        async with installation(tmp_path, policies) as app:
            request = proposed(app, 8)
            root = await app.context.reader.root_owner(request.target)
            async with app.context.leases.hold(root.key):
                waiting = asyncio.create_task(app.executor.execute(request))
                await asyncio.sleep(0.3)
                nobody = deny("nobody", ["scale"], target())
                write_policy(policies, [*_limits(20), nobody])
            assert isinstance(await waiting, Refused)
            assert await replicas(app) == 4

    asyncio.run(run())
