"""DaemonSets and Jobs as kubectl prints them, with our figures (pkg/printers/internalversion, printers_test.go)."""

from typing import Any

import pytest

from flyball.cli.look.kind_tables import completions, job_status, layout
from tests.flyball.facts import NOW_MS, WEB, number, workload
from tools.cluster_types import Condition, JobProgress, Workload
from tools.diagnosis.snapshot import Row
from tools.metrics.types import Metric

CREATED = "2026-03-02T13:00:00Z"
BEGUN_MS = NOW_MS - 300_000


def of(kind: str, name: str, **more: Any) -> Workload:
    target = WEB.model_copy(update={"kind": kind, "name": name})
    return workload(target=target, created_at=CREATED, **more)


def cells(found: Workload, *, wide: bool = False) -> dict[str, object]:
    figures = {m: number(m, v) for m, v in ((Metric.CPU_USAGE, 300), (Metric.CPU_REQUESTS, 400))}
    table = layout(found.target.kind)
    line = table.line(Row(found, figures, None, {}), NOW_MS, wide)
    return dict(zip(table.wide_head if wide else table.head, line, strict=True))


def test_a_daemonset_by_its_nodes() -> None:
    nodes = {"disk": "ssd", "zone": "a"}
    shown = cells(of("daemonset", "agent", replicas=5, current=4, ready=3, available=2, node_selector=nodes))
    assert list(shown.values())[:7] == ["daemonset/agent", 5, 4, 3, 4, 2, "disk=ssd,zone=a"]
    assert shown["CPU%"] == "75%"
    assert cells(of("daemonset", "agent"), wide=True)["IMAGES"] == "registry.example/shop/web:4.2"


@pytest.mark.parametrize(("job", "said"), [
    (JobProgress(1, 3, 2, BEGUN_MS, 0), "1/3"),
    (JobProgress(0, None, 1, BEGUN_MS, 0), "0/1"),
    (JobProgress(0, None, 4, BEGUN_MS, 0), "0/1 of 4"),
    (JobProgress(0, 0, 1, BEGUN_MS, 0), "0/0"),
])  # fmt: skip
def test_completions(job: JobProgress, said: str) -> None:
    assert completions(job) == said


def held(*types: str) -> tuple[Condition, ...]:
    return tuple(Condition(type, True, "", "", 0) for type in types)


@pytest.mark.parametrize(("conditions", "ending", "word"), [
    ((), False, "Running"),
    (held("SuccessCriteriaMet", "Complete"), False, "Complete"),
    (held("FailureTarget", "Failed"), True, "Failed"),
    (held("Suspended"), True, "Terminating"),
    (held("Suspended"), False, "Suspended"),
    (held("FailureTarget"), False, "FailureTarget"),
    ((Condition("Suspended", False, "", "", 0),), False, "Running"),
])  # fmt: skip
def test_the_status_of_a_job(conditions: tuple[Condition, ...], ending: bool, word: str) -> None:
    job = JobProgress(0, 1, 1, BEGUN_MS, 0, ending)
    assert job_status(of("job", "migrate", conditions=conditions, job=job)) == word


@pytest.mark.parametrize(("job", "said"), [
    (JobProgress(0, 1, 1, BEGUN_MS, 0), "5m"),
    (JobProgress(1, 1, 1, BEGUN_MS, BEGUN_MS + 70_000), "70s"),
    (JobProgress(0, 1, 1, 0, 0), ""),
])  # fmt: skip
def test_how_long_a_job_lasts(job: JobProgress, said: str) -> None:
    assert cells(of("job", "migrate", job=job))["DURATION"] == said


def test_any_other_kind_has_the_usual_columns() -> None:
    assert layout("deployment") is layout("statefulset") is layout("")
    assert layout("deployment").head[:3] == ("NAME", "READY", "UP-TO-DATE")
