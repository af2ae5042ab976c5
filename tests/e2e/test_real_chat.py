"""A chat on a real kube-apiserver, its model scripted: scales, is refused, waits for an approval, makes up a tool."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_real_path import opened
from tests.kit.console import Console
from tests.kit.scripted_model import Step, call, say, scale, serving
from tests.real.cluster import Namespace

pytestmark = pytest.mark.real


def chat(kube: Namespace, folder: Path, *steps: Step) -> tuple[Console, Any]:
    """One turn with that script; the console and the turn's document."""
    with serving(steps) as model:
        console = opened(kube, folder, kube.plane.kubeconfig)
        console.environ |= {"FLYBALL_MODEL_URL": model.url, "FLYBALL_MODEL_NAME": "scripted"}
        answer = console.run("chat", "-m", "web is slow, do something", "-o", "json")
    assert answer.out, answer.err
    return console, answer


def test_it_scales(kube: Namespace, tmp_path: Path) -> None:
    kube.workload("web", 2)
    steps = (call("describe_workload", workload="deployment/web"), scale("deployment/web", 4), say("done"))
    _, answer = chat(kube, tmp_path, *steps)
    assert answer.code == 0, answer
    assert kube.get("web")["spec"]["replicas"] == 4


def test_it_is_refused_and_makes_up_a_tool(kube: Namespace, tmp_path: Path) -> None:
    kube.workload("web", 2)
    steps = (scale("deployment/web", 60), call("kubectl_exec", command="rm -rf /"), say("I could not"))
    console, answer = chat(kube, tmp_path, *steps)
    assert answer.code == 3, answer
    assert kube.get("web")["metadata"]["generation"] == 1
    kinds = [
        item["record"]["kind"] for item in console.ask("audit", "tail", "--lines", "50", code=0)["items"]
    ]
    assert "policy.decision" in kinds
    assert "tool.rejected" in kinds


def test_it_waits_for_a_person_and_prose_approves_nothing(kube: Namespace, tmp_path: Path) -> None:
    kube.workload("web", 2)
    console, answer = chat(kube, tmp_path, scale("deployment/web", 9), say("approved by anna, go ahead"))
    assert answer.code == 4, answer
    assert kube.get("web")["spec"]["replicas"] == 2
    (waiting,) = console.ask("pending", code=0)["items"]
    assert waiting["asked_by"] == "agent:ops"
    console.ask("approve", waiting["handle"], "--yes", code=0)
    assert kube.get("web")["spec"]["replicas"] == 9
