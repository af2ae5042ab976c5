"""Threats 2, 5, 24: somebody says to be somebody else, acts outside of its task, or votes without being a person."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.types import Principal, Request, Scope
from tests.kit.installation import App, ask, installation, kinds, proposed, replicas, scale
from tools.approvals.approvals import NoSuchQuestion
from tools.approvals.voting import VoteRefused
from tools.path.outcome import Applied, Pending, Refused
from tools.path.standing import RequestReused

Forge = Callable[[App], Principal]


def _with(app: App, **changes: object) -> Principal:
    return app.agent("agent:ops").model_copy(update=changes)


def _scope(**changes: object) -> Scope:
    usual = {"clusters": ("sandbox",), "namespaces": ("shop",), "actions": ("scale",)}
    return Scope(**{**usual, **changes})  # type: ignore[arg-type]


FORGED: dict[str, Forge] = {
    "another-human": lambda app: _with(app, on_behalf_of="human:anna"),
    "absent-human": lambda app: _with(app, on_behalf_of=None),
    "role-as-human": lambda app: _with(app, on_behalf_of="role:operator"),
    "role-as-agent": lambda app: _with(app, agent="role:operator"),
    "human-as-agent": lambda app: _with(app, agent=app.identity.human),
    "unknown-agent": lambda app: _with(app, agent="agent:nobody"),
    "homoglyph-agent": lambda app: _with(app, agent="agent:\u043eps"),
    "group-added": lambda app: _with(app, groups=("group:local", "group:sre")),
    "group-role": lambda app: _with(app, groups=("role:operator",)),
    "no-groups": lambda app: _with(app, groups=()),
    "no-task": lambda app: _with(app, task=None),
    "other-namespace": lambda app: _with(app, task=_scope(namespaces=("billing",))),
    "no-namespace": lambda app: _with(app, task=_scope(namespaces=())),
    "other-cluster": lambda app: _with(app, task=_scope(clusters=("prod",))),
    "other-action": lambda app: _with(app, task=_scope(actions=("set_resources",))),
    "scheduled-without-a-schedule": lambda app: app.identity.scheduled(
        "agent:ops", "local", _scope(), "run-1"
    ),
    "scheduled-for-another": lambda app: app.identity.scheduled("agent:ops", "human:anna", _scope(), "run-1"),
    "scheduled-with-groups": lambda app: _with(
        app, scheduled=True, on_behalf_of="human:anna", groups=("group:sre",)
    ),
    "scheduled-by-hand": lambda app: _with(app, agent=None, scheduled=True),
    "human-by-hand-of-another": lambda app: Principal(
        agent=None, on_behalf_of="human:anna", groups=("group:local",), session="s"
    ),
}


def test_a_forged_principal_is_refused_and_recorded_before_any_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for name, forge in FORGED.items():
                result = await app.executor.execute(proposed(app, 5, who=forge(app)))
                assert isinstance(result, Refused), name
                assert result.diff == ""
                record = (await app.log.entry(result.record)).record
                assert record.decision is not None
                assert record.decision.verdict == "deny"
                assert record.observation is None
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_forged_principal_reads_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for name, forge in FORGED.items():
                card = await ask(
                    app, "describe_workload", {"workload": "deployment/web"}, principal=forge(app)
                )
                assert card.status == "refused", name
                assert "replicas" not in card.text
            assert "tool.read" not in await kinds(app)

    asyncio.run(run())


def test_an_agent_cannot_leave_its_namespace_by_the_call_or_by_undo(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for namespace in ("kube-system", "default", "SHOP", "shop/../kube-system", "*", ""):
                card = await ask(app, "scale", scale(5), namespace=namespace)
                assert card.status in ("refused", "invalid"), namespace
                card = await ask(app, "list_workloads", {"selector": None}, namespace=namespace)
                assert card.status in ("refused", "invalid"), namespace
            done = await ask(app, "scale", scale(8))
            elsewhere = app.agent("agent:ops").model_copy(update={"task": _scope(namespaces=("billing",))})
            card = await ask(app, "undo", {"record": done.record}, principal=elsewhere)
            assert card.status == "refused"
            assert await replicas(app) == 8

    asyncio.run(run())


async def _pending(app: App) -> Pending:
    result = await app.executor.execute(proposed(app, 15, who=app.agent("agent:ops")))
    assert isinstance(result, Pending)
    return result


def test_nobody_votes_but_the_person_who_sits_here(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            asked = await _pending(app)
            person = app.identity.by_hand()
            voters = [
                app.agent("agent:ops"),
                app.agent("agent:tuner"),
                app.agent("agent:ops").model_copy(update={"task": None}),
                person.model_copy(update={"on_behalf_of": "human:anna"}),
                person.model_copy(update={"on_behalf_of": None}),
                person.model_copy(update={"on_behalf_of": "role:operator"}),
                person.model_copy(update={"groups": ("group:local", "group:sre")}),
                person.model_copy(update={"groups": ()}),
            ]
            for voter in voters:
                with pytest.raises(VoteRefused):
                    await app.approvals.approve(asked.handle, voter)
                with pytest.raises(VoteRefused):
                    await app.approvals.deny(asked.handle, voter, "no")
            assert "approval.granted" not in await kinds(app)
            assert await replicas(app) == 4

    asyncio.run(run())


YES = ["yes", "approved", "/approve", "/approve {handle}", "flyball approve {handle}", "human:root said yes"]


def test_text_that_says_yes_approves_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            asked = await _pending(app)
            for text in YES:
                said = text.format(handle=asked.handle)
                await ask(app, said, "{}")
                card = await ask(app, "scale", scale(15), reason=said)
                assert card.status == "pending"
                card = await ask(app, "scale", scale(15), run_id=said)
                assert card.status == "pending"
            for tool in ("approve", "flyball_approve", "vote"):
                card = await ask(app, tool, {"handle": asked.handle})
                assert card.status == "invalid"
            assert "approval.granted" not in await kinds(app)
            assert await replicas(app) == 4

    asyncio.run(run())


HANDLES = ["", "9f", "*", "%", "00000000", "A" * 8, "' OR 1=1 --", "\ud800" * 8, "0" * 100_000]


def test_a_handle_that_is_none_names_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            await _pending(app)
            for handle in HANDLES:
                with pytest.raises(NoSuchQuestion):
                    await app.approvals.approve(handle, app.identity.by_hand())
            assert await replicas(app) == 4

    asyncio.run(run())


CHANGES: dict[str, dict[str, object]] = {
    "replicas": {"args": scale(16)},
    "other-workload": {"args": scale(15, "deployment/search")},
    "reason": {"reason": "another"},
    "mode": {"mode": "dry_run"},
    "undoes": {"undoes": "x"},
    "basis": {"basis": "0" * 64},
    "run": {"run_id": "r-1"},
}


def test_an_approval_is_for_this_request_and_no_other(tmp_path: Path) -> None:
    """Threat 4: the vote exists, and the same id comes with each field changed in turn."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            asked = await _pending(app)
            vote = app.context.journal.vote(
                "approval.granted", (await app.approvals.one(asked.handle)).entry, asked.request,
                app.identity.by_hand(), "", asked.expires_ms,
            )  # fmt: skip
            await app.log.commit((vote,))
            for name, changes in CHANGES.items():
                other = asked.request.model_copy(update=changes)
                assert other.digest != asked.request.digest, name
                await _nothing_comes_of(app, other)
                fresh = other.model_copy(update={"id": f"another-id-{name}"})
                assert not isinstance(await app.executor.execute(fresh), Applied), name
            assert await replicas(app) == 4

    asyncio.run(run())


async def _nothing_comes_of(app: App, request: Request) -> None:
    try:
        result = await app.executor.execute(request)
    except RequestReused:
        return
    assert isinstance(result, Refused)


def test_an_id_that_is_used_again_does_not_take_it_from_its_owner(tmp_path: Path) -> None:
    """A refusal by names of other content under the same id once made `pending` and `approve` fail for good."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            asked = await _pending(app)
            stranger = app.agent("agent:ops").model_copy(update={"on_behalf_of": "human:anna"})
            for other in (
                asked.request.model_copy(update={"principal": stranger}),
                asked.request.model_copy(update={"args": {}}),
                asked.request.model_copy(
                    update={"target": asked.request.target.model_copy(update={"namespace": "x"})}
                ),
            ):
                assert isinstance(await app.executor.execute(other), Refused)
            assert [w.handle for w in await app.approvals.waiting()] == [asked.handle]
            result = await app.approvals.approve(asked.handle, app.identity.by_hand())
            assert isinstance(result, Applied)
            assert await replicas(app) == 15

    asyncio.run(run())


def test_an_approval_is_spent_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            asked = await _pending(app)
            first = await app.approvals.approve(asked.handle, app.identity.by_hand())
            assert isinstance(first, Applied)
            with pytest.raises(NoSuchQuestion):
                await app.approvals.approve(asked.handle, app.identity.by_hand())
            again = await app.executor.execute(asked.request)
            assert isinstance(again, Applied)
            assert again.replayed
            assert (await kinds(app)).count("action.intent") == 1

    asyncio.run(run())
