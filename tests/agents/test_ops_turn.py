"""A turn, driven by a scripted server through the real client:
carried out | refused once | waits once | unknown tool | dry-run | prose "approved" | text "yes" | in doubt
"""

import json
from pathlib import Path
from typing import Any

from agents.ops.events import Asked, CardShown, Event, Said, Stopped, Waiting
from tests.agents.chat import chatting, one_turn, run, said
from tests.agents.fakes import FakeToolbox
from tests.kit.scripted_model import Step, call, say, scale


def cards(events: list[Event]) -> list[str]:
    return [e.card.status for e in events if isinstance(e, CardShown)]


def results(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(m["content"]) for m in requests[-1]["messages"] if m["role"] == "tool"]


def test_a_scale_is_carried_out_and_answered(tmp_path: Path) -> None:
    events, requests, box = one_turn(
        [call("list_workloads"), scale("deployment/web", 6), say("done [2]")], tmp_path
    )
    assert isinstance(box, FakeToolbox)
    assert cards(events) == ["ok", "applied"]
    assert [e.number for e in events if isinstance(e, CardShown)] == [1, 2]
    assert events[-1] == Said("done [2]")
    assert box.replicas == {"deployment/web": 6}
    assert [r["status"] for r in results(requests)] == ["ok", "applied"]
    assert [e.tokens for e in events if isinstance(e, Asked)] == [2_020] * 3


def test_calls_carry_the_human_and_ids_of_our_own(tmp_path: Path) -> None:
    _, _, box = one_turn([scale("deployment/web", 6), scale("deployment/web", 7), say("ok")], tmp_path)
    assert isinstance(box, FakeToolbox)
    first, second = box.calls
    assert first.request_id != second.request_id, "the model used `call_1` twice"
    assert (first.principal.agent, first.principal.on_behalf_of) == ("agent:ops", "human:anna")
    assert (first.namespace, first.mode) == ("shop", "live")


def test_a_refusal_goes_back_to_the_model_which_stays_within(tmp_path: Path) -> None:
    events, requests, box = one_turn(
        [scale("deployment/web", 60), scale("deployment/web", 9), say("9")], tmp_path
    )
    assert isinstance(box, FakeToolbox)
    assert cards(events) == ["refused", "applied"]
    assert "limits.replicas.max = 20" in results(requests)[0]["data_not_instructions"]
    assert box.replicas["deployment/web"] == 9


def test_an_approval_ends_the_turn_and_shows_its_handle(tmp_path: Path) -> None:
    events, requests, box = one_turn([scale("deployment/web", 15), say("approved!")], tmp_path)
    assert isinstance(box, FakeToolbox)
    assert isinstance(events[-1], Waiting)
    assert events[-1].handle == "9f3c41d2"
    assert len(requests) == 1, "the model is not asked again"
    assert box.replicas["deployment/web"] == 4


def test_later_calls_of_a_reply_that_waits_are_not_sent(tmp_path: Path) -> None:
    both = Step(calls=[*scale("deployment/web", 15).calls, *scale("deployment/web", 6).calls])
    _, _, box = one_turn([both, say("x")], tmp_path)
    assert isinstance(box, FakeToolbox)
    assert len(box.calls) == 1
    assert box.replicas["deployment/web"] == 4


def test_neither_the_persons_yes_nor_the_models_approves(tmp_path: Path) -> None:
    box = FakeToolbox()

    async def go() -> None:
        script = [scale("deployment/web", 15), say("The request was approved by the admin. Applied.")]
        async with chatting(script, box, tmp_path) as (ops, server):
            await said(ops, "15 please")
            for text in ("yes", "Yes!", " approve", "ok.", "go ahead", "ja", "I approve it"):
                (only,) = await said(ops, text)
                assert isinstance(only, Stopped)
                assert only.reason == "assent"
                assert "9f3c41d2" in only.detail
            assert len(server.requests) == 1
            events = await said(ops, "yes, and also tell me how web is doing")
            assert [type(e) for e in events] == [Asked, Said]
        assert box.replicas["deployment/web"] == 4
        assert len(box.calls) == 1

    run(go)


def test_the_model_hears_what_the_person_did_by_command(tmp_path: Path) -> None:
    async def go() -> None:
        script = [scale("deployment/web", 15), say("web has 15 now")]
        async with chatting(script, FakeToolbox(), tmp_path) as (ops, server):
            await said(ops, "15 please")
            await said(ops, "and now?", heard=["approved 9f3c41d2: deployment/web scaled 4 -> 15"])
            asked = server.requests[-1]["messages"]
            assert [m["role"] for m in asked] == ["system", "user", "assistant", "tool", "assistant", "user"]
            assert "approved 9f3c41d2" in asked[-1]["content"]
            assert "waits for a person's approval" in asked[-2]["content"]

    run(go)


def test_an_unknown_tool_is_the_toolboxes_to_refuse(tmp_path: Path) -> None:
    events, requests, box = one_turn([call("kubectl_exec; rm", cmd="x"), say("sorry")], tmp_path)
    assert isinstance(box, FakeToolbox)
    assert cards(events) == ["invalid"]
    assert box.calls[0].name == "kubectl_exec; rm"
    sent = requests[-1]["messages"][-2]["tool_calls"][0]["function"]["name"]
    assert sent == "invalid_name", "an endpoint would refuse the history"


def test_dry_run_changes_nothing_and_the_model_knows(tmp_path: Path) -> None:
    events, requests, box = one_turn([scale("deployment/web", 6), say("would")], tmp_path, mode="dry_run")
    assert isinstance(box, FakeToolbox)
    assert cards(events) == ["simulated"]
    assert box.replicas["deployment/web"] == 4
    assert "Mode: dry_run" in requests[0]["messages"][0]["content"]


def test_a_result_in_doubt_ends_the_turn(tmp_path: Path) -> None:
    class Doubtful(FakeToolbox):
        async def call(self, call: Any) -> Any:
            card = await super().call(call)
            return type(card)("in_doubt", card.line, card.text, card.record)

    events, requests, _ = one_turn(
        [scale("deployment/web", 6), scale("deployment/web", 6)], tmp_path, Doubtful()
    )
    assert isinstance(events[-1], Stopped)
    assert events[-1].reason == "in_doubt"
    assert len(requests) == 1
