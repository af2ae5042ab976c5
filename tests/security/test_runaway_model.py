"""27: a model that never ends costs what was reserved for it, and no more; the log says how much that was."""

import pytest

from agents.ops.budget import Budget
from tests.agents.conftest import Flyball, flyball
from tests.kit.scripted_model import Step, call, scale, serving

__all__ = ["flyball"]


@pytest.mark.parametrize(
    "step",
    [call("list_workloads"), scale("deployment/web", 60), call("no_such_tool"), Step(calls=[("scale", "{")])],
    ids=["reads", "refused", "unknown", "malformed"],
)
def test_27_a_caller_that_repeats_itself_ends_with_the_third_equal_call(flyball: Flyball, step: Step) -> None:
    with serving([step] * 200) as model:
        code, out, err = flyball("chat", "-m", "go on for ever", model=model)
        asked = len(model.requests)
    assert code == 1
    assert "the same again and again" in out + err
    assert asked == 3
    _, tail, _ = flyball("audit", "tail", "--kind", "model.call", "-o", "json")
    assert tail.count('"model.call"') == asked


def test_27_an_endless_caller_ends_with_its_steps(flyball: Flyball) -> None:
    with serving([scale("deployment/web", replicas) for replicas in range(60, 260)]) as model:
        code, out, err = flyball("chat", "-m", "go on for ever", model=model)
        asked = len(model.requests)
    assert code == 1
    assert "budget of model calls" in out + err
    assert asked == Budget().steps
    _, tail, _ = flyball("audit", "tail", "--kind", "model.call", "-o", "json")
    assert tail.count('"model.call"') == asked


def test_27_an_endpoint_that_reports_nothing_is_charged_what_was_reserved(flyball: Flyball) -> None:
    with serving([Step(calls=[("list_workloads", "{}")], usage=None)] * 200) as model:
        code, _, _ = flyball("chat", "-m", "go on for ever", "-o", "json", model=model)
        asked = len(model.requests)
    assert code == 1
    assert 0 < asked <= Budget().steps
    assert asked * Budget().output_tokens <= Budget().tokens
