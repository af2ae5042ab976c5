"""A pass: busy goes up | idle goes down | owned, off, rolling out, paused, at 0 stay | it aims inside the policy |
nothing is written | ids repeat with the run | trouble with one is not trouble with all, but without metrics it ends |
arithmetic holds up nobody
"""

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agents.errors import StrategyBroken, StrategyUnknown
from agents.tuner.change import Change, scaled
from agents.tuner.choice import FirstChange, Slate
from agents.tuner.hpa_formula import HpaFormula
from agents.tuner.look import batches
from agents.tuner.remit import Remit
from agents.tuner.result import Pass
from agents.tuner.run import TunerPass
from agents.tuner.strategies import STRATEGIES, strategy
from agents.tuner.strategy import Aim, Candidate, Observed, Reads, Strategy
from audit.clock import SystemClock
from audit.errors import LogUnavailable, RecordInvalid
from policies.types import Principal, Target
from tests.agents.fakes import FakeRecorder, FakeToolbox
from tests.agents.metrics import NOW, steady
from tools.arguments import Args
from tools.cluster_types import Autoscaler, Budget, Container, Pod, Quota, Resources, Restraints, Workload
from tools.errors import ClusterUnavailable, MetricsUnavailable, NeverHappened, ToolError
from tools.metrics.types import Metric, Series
from tools.toolbox.port import Call, Card

OLD = NOW - 3_600_000
WHO = Principal(agent="agent:tuner", on_behalf_of="human:anna", groups=("group:local",), session="r-1")
HPA, SHOP = HpaFormula(Aim(80)), Remit(("shop",))
APP = Container("app", "app:1", Resources(cpu_request=1_000))


class NoTarget(Args):
    """Arguments that name no workload."""


class FixedClock(SystemClock):
    """A simulated world's clock that stands still."""

    def world_ms(self) -> int | None:
        return NOW


def workload(name: str, replicas: int = 4, **more: Any) -> Workload:
    found = Workload(
        target=Target(cluster="sandbox", namespace="shop", kind="deployment", name=name),
        uid="u", resource_version="1", generation=1, observed_generation=1, replicas=replicas, ready=replicas,
        updated=replicas, available=replicas, paused=False, containers=(APP,), labels={}, annotations={},
        managers=(), owner=None, created_at="", selector={},
    )  # fmt: skip
    return replace(found, **more)


def pod(i: int, **more: Any) -> Pod:
    found = Pod(f"p{i}", "Running", True, "n1", (APP,), OLD, 0, False)
    return replace(found, **more)


def _hpa(name: str) -> Autoscaler:
    return Autoscaler(name, 2, 10, 4, 4, 60, 80, able=True, active=True, limited=False, reasons=())


@dataclass
class FakeObserver:
    """Workloads by name, with the CPU of each of their pods."""

    load: Mapping[str, list[int]]
    found: list[Workload]
    broken: Mapping[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    known: Restraints = field(default_factory=Restraints)
    hidden: frozenset[str] = frozenset()

    async def workloads(self, namespace: str) -> list[Workload]:
        if error := self.broken.get(namespace):
            raise error
        return self.found

    async def fleet_pods(self, workloads: Sequence[Workload]) -> dict[Target, list[Pod]]:
        if error := self.broken.get("pods"):
            raise error
        named = [w.target for w in workloads if w.target.name not in self.broken]
        self.asked += [target.name for target in named]
        return {target: [pod(i) for i in range(len(self.load[target.name]))] for target in named}

    async def fleet_autoscalers(self, workloads: Sequence[Workload]) -> dict[Target, Autoscaler | None]:
        return {w.target: _hpa(w.target.name) for w in workloads}

    async def fleet_restraints(self, workloads: Sequence[Workload]) -> dict[Target, Restraints]:
        return dict.fromkeys((w.target for w in workloads), self.known)

    async def fleet_series(
        self, workloads: Sequence[Workload], metric: Metric, span_s: int, step_s: int
    ) -> dict[Target, Series]:
        assert (metric, span_s, step_s) == (Metric.CPU_USAGE, 86_400, 60)
        if error := self.broken.get("metrics"):
            raise error
        named = [w.target for w in workloads if w.target.name not in self.hidden]
        return {target: steady(sum(self.load[target.name])) for target in named}


def tuned(
    observer: FakeObserver,
    box: FakeToolbox | None = None,
    run_id: str = "r-1",
    by: Strategy = HPA,
) -> tuple[Pass, FakeToolbox, FakeRecorder]:
    box = box or FakeToolbox(replicas={f"deployment/{w.target.name}": w.replicas for w in observer.found})
    recorder = FakeRecorder()
    tuner = TunerPass(box, observer, recorder, strategies=(by,), principal=WHO, clock=FixedClock())
    return asyncio.run(tuner.run(run_id, SHOP)), box, recorder


def test_busy_goes_up_idle_goes_down_the_rest_stays() -> None:
    load = {"web": [1_200] * 4, "search": [300] * 6, "worker": [780] * 2}
    found, box, recorder = tuned(
        FakeObserver(load, [workload("web"), workload("search", 6), workload("worker", 2)])
    )
    assert [(r.proposal.target.name, r.proposal.proposed, r.status, r.proposal.why) for r in found.rows] == [
        ("search", 3, "simulated", "cpu-below-target"),
        ("web", 6, "simulated", "cpu-above-target"),
        ("worker", None, "kept", "within-tolerance"),
    ]
    assert box.replicas == {"deployment/web": 4, "deployment/search": 6, "deployment/worker": 2}, (
        "a rehearsal"
    )
    assert recorder.kinds() == ["run.started", "run.finished"]
    begun = {
        "namespaces": ["shop"],
        "strategies": {"hpa-formula": "3"},
        "choice": "first-change",
        "cpu_percent": 80,
        "risk_ppm": 20_000,
        "agent": "agent:tuner",
    }
    assert recorder.records[0] == ("run.started", "r-1", begun)
    assert recorder.records[-1][2] == {"simulated": 2, "kept": 1}


def test_a_proposal_carries_its_run_its_precondition_and_its_figures() -> None:
    _, box, _ = tuned(FakeObserver({"web": [1_200] * 4}, [workload("web")]))
    (call,) = box.calls
    assert json.loads(call.arguments) == {"workload": "deployment/web", "replicas": 6, "current_replicas": 4}
    assert (call.run_id, call.namespace, call.mode) == ("r-1", "shop", "dry_run")
    assert call.principal.agent == "agent:tuner"
    assert call.reason == "cpu 120 % of requests at least, for 10 minutes; target 80 %"


def test_while_it_weighs_whatever_else_goes_on_is_not_held_up() -> None:
    """Health, heartbeats and the fast loop are on the same event loop: here one of them ends the weighing."""
    begun, answered = threading.Event(), threading.Event()

    class Long(FirstChange):
        def weigh(
            self, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]
        ) -> list[Slate]:
            begun.set()
            assert answered.wait(10), "the event loop stood still"
            return super().weigh(observed, candidates)

    observer = FakeObserver({"web": [1_200] * 4}, [workload("web")])
    tuner = TunerPass(
        FakeToolbox(replicas={"deployment/web": 4}), observer, FakeRecorder(), strategies=(HPA,), principal=WHO,
        clock=FixedClock(), choice=Long(),
    )  # fmt: skip

    async def health() -> None:
        while not begun.is_set():
            await asyncio.sleep(0)
        answered.set()

    async def both() -> Pass:
        found, _ = await asyncio.gather(tuner.run("r-1", SHOP), health())
        return found

    assert [row.status for row in asyncio.run(both()).rows] == ["simulated"]


def test_the_same_run_asks_under_the_same_ids_another_run_does_not() -> None:
    observer = FakeObserver({"web": [1_200] * 4}, [workload("web")])
    ids = [tuned(observer, run_id=run)[1].calls[0].request_id for run in ("r-1", "r-1", "r-2")]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("load", "least", "limit", "wanted", "proposed", "why"),
    [
        ([9_000] * 4, 1, 20, 45, 20, "cpu-above-target"),
        ([200] * 4, 2, 20, 1, 2, "cpu-below-target"),
        ([200] * 4, 4, 20, 1, None, "policy-keeps-it"),
        ([9_000] * 4, 1, 4, 45, None, "policy-keeps-it"),
        ([9_000] * 4, 1, 3, 45, None, "policy-keeps-it"),
        ([200] * 4, 5, 20, 1, None, "policy-keeps-it"),
    ],
)
def test_it_aims_at_the_nearest_that_policy_allows(
    load: list[int], least: int, limit: int, wanted: int, proposed: int | None, why: str
) -> None:
    """Never the other way, nor further than wanted: a workload outside of its limits is not pushed into them."""
    box = FakeToolbox(least=least, limit=limit)
    found, _, _ = tuned(FakeObserver({"web": load}, [workload("web")]), box)
    (row,) = found.rows
    assert (row.proposal.moved_from, row.proposal.proposed, row.proposal.why) == (wanted, proposed, why)
    assert [json.loads(call.arguments)["replicas"] for call in box.calls] == ([proposed] if proposed else [])
    assert row.status == ("simulated" if proposed else "kept")
    (note,) = row.proposal.notes
    said = f"policy allows {proposed}, not {wanted} (" if proposed else "policy allows no such figure ("
    assert note == f"{said}limits.replicas.max = {limit})"
    assert row.proposal.reason.endswith(note)


@pytest.mark.parametrize(
    ("budgets", "proposed", "why"),
    [
        ((), 1, "cpu-below-target"),
        ((Budget("web", min_available=1),), 2, "cpu-below-target"),
        ((Budget("web", min_available=2),), 3, "cpu-below-target"),
        ((Budget("web", min_available=3),), None, "disruption-budget"),
        ((Budget("web", min_available="50%"),), 2, "cpu-below-target"),
        ((Budget("web", max_unavailable=1),), 1, "cpu-below-target"),
        ((Budget("web", max_unavailable="10%"),), 1, "cpu-below-target"),
        ((Budget("web", max_unavailable=0),), None, "disruption-budget"),
        ((Budget("web", min_available=1), Budget("all", min_available=2)), 3, "cpu-below-target"),
    ],
)
def test_it_goes_down_no_further_than_the_budgets_let_a_node_be_drained(
    budgets: tuple[Budget, ...], proposed: int | None, why: str
) -> None:
    observer = FakeObserver({"web": [200] * 4}, [workload("web")], known=Restraints(budgets))
    (row,) = tuned(observer)[0].rows
    assert (row.proposal.proposed, row.proposal.why) == (proposed, why)
    moved = proposed != 1
    assert row.proposal.moved_from == (1 if moved else None)
    assert row.proposal.notes == (
        (f"poddisruptionbudget {', '.join(b.name for b in budgets)} would let no pod be moved at 1",)
        if moved
        else ("leaves a single replica: nothing serves while that one moves",)
    )


@pytest.mark.parametrize(
    ("left", "proposed", "why"),
    [
        ({"pods": 2}, 6, "cpu-above-target"),
        ({"pods": 1}, 5, "cpu-above-target"),
        ({"pods": 0}, None, "quota-full"),
        ({"requests.cpu": 1_999, "pods": 50}, 5, "cpu-above-target"),
        ({"requests.cpu": 999}, None, "quota-full"),
        ({"limits.cpu": 0}, 6, "cpu-above-target"),
    ],
)
def test_it_goes_up_no_further_than_the_quotas_admit_pods(
    left: dict[str, int], proposed: int | None, why: str
) -> None:
    """A pod requests one core and has no limit; a quota on what it does not name is not counted here."""
    quotas = (Quota("roomy", {"pods": 100}), Quota("team", left))
    observer = FakeObserver({"web": [1_200] * 4}, [workload("web")], known=Restraints((), quotas))
    (row,) = tuned(observer)[0].rows
    assert (row.proposal.proposed, row.proposal.why) == (proposed, why)
    if proposed != 6:
        assert row.proposal.moved_from == 6
        (note,) = row.proposal.notes
        assert note.startswith(f"resourcequota team has room for {(proposed or 4) - 4} more pods (")


def test_two_that_grow_share_what_a_quota_leaves() -> None:
    """And what another one gives back is not there before it is given back."""
    load = {"api": [1_200] * 4, "idle": [200] * 4, "web": [1_200] * 4}
    quotas = (Quota("team", {"requests.cpu": 3_500}),)
    observer = FakeObserver(load, [workload(name) for name in load], known=Restraints((), quotas))
    box = FakeToolbox(replicas={f"deployment/{name}": 4 for name in load})
    found, _, _ = tuned(observer, box)
    assert [(r.proposal.target.name, r.proposal.proposed) for r in found.rows] == [
        ("api", 6),
        ("idle", 1),
        ("web", 5),
    ]


@pytest.mark.parametrize(("cpu", "what"), [(200, "poddisruptionbudgets"), (1_200, "resourcequotas")])
def test_what_may_not_be_listed_is_said(cpu: int, what: str) -> None:
    observer = FakeObserver({"web": [cpu] * 4}, [workload("web")], known=Restraints(None, None))
    (row,) = tuned(observer)[0].rows
    assert row.status == "simulated"
    assert row.proposal.notes[0] == f"{what} may not be listed: not looked at"
    assert row.proposal.notes[0] in row.proposal.reason


def test_budget_and_policy_together_keep_both_figures() -> None:
    """The strategy wants 1, the budget lets 2, policy 3: each only ever moves it nearer to where it is."""
    observer = FakeObserver(
        {"web": [200] * 4}, [workload("web")], known=Restraints((Budget("web", min_available=1),))
    )
    (row,) = tuned(observer, FakeToolbox(least=3))[0].rows
    assert (row.proposal.moved_from, row.proposal.proposed) == (1, 3)


@pytest.mark.parametrize(("named", "proposed"), [(True, 6), (False, None)])
def test_a_statefulset_is_moved_only_where_policy_names_the_kind(named: bool, proposed: int | None) -> None:
    target = Target(cluster="sandbox", namespace="shop", kind="statefulset", name="db")
    observer = FakeObserver({"db": [1_200] * 4}, [workload("db", target=target)])
    found, _, _ = tuned(observer, FakeToolbox(replicas={"statefulset/db": 4}, names_kind=named))
    (row,) = found.rows
    assert row.proposal.proposed == proposed
    if not named:
        assert (row.proposal.moved_from, row.proposal.why) == (6, "statefulset-not-named")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"owner": "argocd/shop"}, "owned-by-argocd/shop"),
        ({"annotations": {"flyball.io/mode": "off"}}, "mode-off"),
        ({"replicas": 0}, "scaled-to-zero"),
        ({"paused": True}, "paused"),
        ({"updated": 3}, "rolling-out"),
        ({"generation": 2}, "rolling-out"),
    ],
)
def test_what_is_skipped(change: dict[str, Any], why: str) -> None:
    observer = FakeObserver({"web": [4_000] * 4}, [workload("web", **change)])
    found, box, _ = tuned(observer)
    assert [(r.proposal.why, r.status) for r in found.rows] == [(why, "skipped")]
    assert not box.calls
    assert not observer.asked, "it is not even looked at"


def test_what_an_hpa_scales_is_not_scaled_by_the_formula() -> None:
    """It is looked at, since another strategy may move its floor."""
    observer = FakeObserver({"web": [4_000] * 4}, [workload("web", owner="horizontalpodautoscaler/web")])
    found, box, _ = tuned(observer)
    assert [(r.proposal.why, r.status) for r in found.rows] == [
        ("owned-by-horizontalpodautoscaler/web", "skipped")
    ]
    assert not box.calls


def test_whose_pods_may_not_be_read_is_not_proposed_on() -> None:
    observer = FakeObserver(
        {"web": [1_200] * 4}, [workload("a"), workload("web")], {"a": NeverHappened("403")}
    )
    found, _, _ = tuned(observer)
    assert [(r.proposal.why, r.status) for r in found.rows] == [
        ("unreadable", "skipped"),
        ("cpu-above-target", "simulated"),
    ]


def test_a_namespace_whose_pods_the_cluster_keeps_back_is_told_so() -> None:
    observer = FakeObserver({"web": [1]}, [workload("web")], {"pods": NeverHappened("pods is forbidden")})
    found, _, _ = tuned(observer)
    assert [(r.proposal.why, r.proposal.reason) for r in found.rows] == [("unreadable", "pods is forbidden")]


def test_a_cluster_that_is_away_ends_the_pass() -> None:
    observer = FakeObserver({"web": [1]}, [workload("web")], {"pods": ClusterUnavailable("away")})
    with pytest.raises(ClusterUnavailable):
        tuned(observer)


def test_a_large_fleet_is_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.tuner.run.BATCH", 2)
    names = [f"w{i}" for i in range(5)]
    observer = FakeObserver({name: [1_200] * 4 for name in names}, [workload(name) for name in names])
    found, _, _ = tuned(observer)
    assert [r.proposal.target.name for r in found.rows] == names
    assert {r.proposal.why for r in found.rows} == {"cpu-above-target"}


def test_whose_figures_may_not_be_read_is_not_proposed_on() -> None:
    load = {"api": [1_200] * 4, "web": [1_200] * 4}
    observer = FakeObserver(load, [workload("api"), workload("web")], hidden=frozenset({"api"}))
    found, box, _ = tuned(observer)
    assert [(r.proposal.why, r.status) for r in found.rows] == [
        ("unreadable", "skipped"),
        ("cpu-above-target", "simulated"),
    ]
    assert len(box.calls) == 1


def test_only_what_is_its_business_is_looked_at_and_what_it_may_not_try_is_only_said() -> None:
    load = {"api": [1_200] * 4, "web": [1_200] * 4}
    observer = FakeObserver(load, [workload("api"), workload("web")])
    box, recorder = FakeToolbox(), FakeRecorder()
    tuner = TunerPass(box, observer, recorder, strategies=(HPA,), principal=WHO, clock=FixedClock())
    remit = Remit(("shop",), lambda w: w.target.name == "web", lambda _: False)
    found = asyncio.run(tuner.run("r-1", remit))
    assert [(r.proposal.target.name, r.proposal.proposed, r.status) for r in found.rows] == [
        ("web", 6, "observed")
    ]
    assert (box.calls, observer.asked) == ([], ["web"])


def test_what_was_weighed_is_recorded_before_anything_is_tried() -> None:
    box, recorder = FakeToolbox(), FakeRecorder()
    box.before = lambda _: seen.append(len(recorder.weighings))
    seen: list[int] = []
    observer = FakeObserver({"web": [1_200] * 4, "x": [1]}, [workload("web"), workload("x", paused=True)])
    tuner = TunerPass(box, observer, recorder, strategies=(HPA,), principal=WHO, clock=FixedClock())
    asyncio.run(tuner.run("r-1", SHOP))
    assert seen == [2]
    web, paused = recorder.weighings
    assert (web.detail["why"], web.detail["figures"]) == (
        "cpu-above-target",
        {"cpu_percent": 120, "target_percent": 80},
    )
    change = web.detail["change"]
    assert isinstance(change, dict)
    assert (change["action"], change["text"]) == ("scale", "6")
    assert paused.detail == {"now": 4, "why": "paused"}


def test_without_the_metrics_that_are_configured_nothing_is_proposed() -> None:
    """No other source takes their place, and what was seen before is not acted on."""
    away = MetricsUnavailable("HTTP 503", where="http://prometheus:9090", hint="try again in a moment")
    load = {"api": [1_200] * 4, "web": [1_200] * 4}
    box, recorder = FakeToolbox(), FakeRecorder()
    observer = FakeObserver(load, [workload("api"), workload("web")], {"metrics": away})
    tuner = TunerPass(box, observer, recorder, strategies=(HPA,), principal=WHO, clock=FixedClock())
    with pytest.raises(MetricsUnavailable):
        asyncio.run(tuner.run("r-1", SHOP))
    assert box.calls == []
    assert recorder.records[-1] == ("run.finished", "r-1", {"error": "HTTP 503"})


def test_a_pass_that_cannot_look_records_that_it_ended() -> None:
    recorder = FakeRecorder()
    observer = FakeObserver({}, [], {"shop": ClusterUnavailable("gone")})
    tuner = TunerPass(FakeToolbox(), observer, recorder, strategies=(HPA,), principal=WHO, clock=FixedClock())
    with pytest.raises(ClusterUnavailable):
        asyncio.run(tuner.run("r-1", SHOP))
    assert recorder.records[-1] == ("run.finished", "r-1", {"error": "gone"})


class BusyToolbox(FakeToolbox):
    """Somebody else holds the lease of one workload."""

    async def call(self, call: Call) -> Card:
        if "search" in call.arguments:
            raise ToolError("another process is working on it", where="search")
        return await super().call(call)


def test_a_workload_that_is_busy_does_not_end_the_pass() -> None:
    observer = FakeObserver(
        {"web": [1_200] * 4, "search": [300] * 6}, [workload("web"), workload("search", 6)]
    )
    found, _, recorder = tuned(observer, BusyToolbox(replicas={"deployment/web": 4, "deployment/search": 6}))
    assert [(r.proposal.target.name, r.status) for r in found.rows] == [
        ("search", "failed"),
        ("web", "simulated"),
    ]
    assert recorder.records[-1][2] == {"failed": 1, "simulated": 1}


def test_a_workload_that_cannot_be_recorded_is_its_own_trouble() -> None:
    broken = {"a": RecordInvalid("a lone surrogate")}
    found, _, _ = tuned(
        FakeObserver({"a": [1], "web": [1_200] * 4}, [workload("a"), workload("web")], broken)
    )
    assert [(r.proposal.why, r.status) for r in found.rows] == [
        ("unreadable", "skipped"),
        ("cpu-above-target", "simulated"),
    ]


@dataclass(frozen=True)
class Told:
    """A strategy of another file: it answers what it was told to."""

    answers: list[list[Candidate]]
    name: str = "told"
    version: str = "7"
    aim: Aim = field(default_factory=lambda: Aim(50))
    reads: Reads = field(default_factory=Reads)

    def consider(self, observed: Observed) -> str | None:
        return None

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        return self.answers


def told(name: str, replicas: int) -> list[Candidate]:
    return [Candidate("told", scaled(workload(name), replicas), "told", "because")]


def test_another_strategy_is_sent_down_the_same_door_and_named_in_the_record() -> None:
    observer = FakeObserver({"web": [1] * 4, "x": [1]}, [workload("web"), workload("x", paused=True)])
    found, box, recorder = tuned(observer, by=Told([told("web", 9)]))
    assert [(r.proposal.why, r.status) for r in found.rows] == [("told", "simulated"), ("paused", "skipped")]
    assert [json.loads(call.arguments)["replicas"] for call in box.calls] == [9]
    begun = recorder.records[0][2]
    assert (begun["strategies"], begun["cpu_percent"]) == ({"told": "7"}, 50)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [told("web", 5)],
        [told("web", 5), told("web", 5)],
        [told("x", 5), told("web", 5)],
        [told("web", 5), []],
        [told("web", 5), [*told("x", 5), *told("web", 5)]],
        [told("web", 5), [Candidate("told", Change("restart", NoTarget()), "told")]],
    ],
)
def test_of_a_strategy_that_answers_wrongly_nothing_is_sent(answers: list[list[Candidate]]) -> None:
    observer = FakeObserver({"web": [1] * 4, "x": [1] * 4}, [workload("web"), workload("x")])
    box, recorder = FakeToolbox(), FakeRecorder()
    by = Told(answers)
    tuner = TunerPass(box, observer, recorder, strategies=(by,), principal=WHO, clock=FixedClock())
    with pytest.raises(StrategyBroken):
        asyncio.run(tuner.run("r-1", SHOP))
    assert box.calls == []
    assert recorder.kinds() == ["run.started", "run.finished"]


@pytest.mark.parametrize("replicas", [-1, 100_001, True, "6"])
def test_a_number_that_no_workload_can_have_is_no_change(replicas: Any) -> None:
    with pytest.raises(StrategyBroken):
        scaled(workload("web"), replicas)


def test_strategies_are_known_by_the_name_that_they_record() -> None:
    for name in STRATEGIES:
        assert strategy(name, Aim(80)).name == name
    with pytest.raises(StrategyUnknown) as no:
        strategy("holt", Aim(80))
    assert (no.value.where, no.value.hint) == ("--strategy", "strategies: " + ", ".join(sorted(STRATEGIES)))


def test_where_the_run_cannot_be_recorded_nothing_is_looked_at() -> None:
    observer = FakeObserver({"web": [1_200] * 4}, [workload("web")])
    box, away = FakeToolbox(), FakeRecorder(broken=LogUnavailable("the disk is full"))
    tuner = TunerPass(box, observer, away, strategies=(HPA,), principal=WHO, clock=FixedClock())
    with pytest.raises(LogUnavailable):
        asyncio.run(tuner.run("r-1", SHOP))
    assert (observer.asked, box.calls) == ([], [])


def test_an_interrupt_proposes_nothing_more_and_ends_the_run() -> None:
    """The call that was under way ends; the next one is not made, and the log tells that the run is over."""
    observer = FakeObserver({"api": [1_200] * 4, "web": [1_200] * 4}, [workload("api"), workload("web")])
    box, recorder = FakeToolbox(), FakeRecorder()

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        box.before = lambda _: bool(task.cancel()) and None
        tuner = TunerPass(box, observer, recorder, strategies=(HPA,), principal=WHO, clock=FixedClock())
        await tuner.run("r-1", SHOP)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert len(box.calls) == 1
    assert recorder.kinds() == ["run.started", "run.finished"]


def test_batches_are_whole_namespaces_where_they_fit() -> None:
    listed = [
        replace(
            workload(f"w{i:03}"), target=Target(cluster="c", namespace=ns, kind="deployment", name=f"w{i:03}")
        )
        for ns, count in (("a", 3), ("b", 2), ("c", 9), ("d", 1))
        for i in range(count)
    ]
    found = [[w.target.namespace for w in batch] for batch in batches(listed, 4)]
    assert found == [["a"] * 3, ["b"] * 2, ["c"] * 4, ["c"] * 4, ["c", "d"]]
    assert [w for batch in batches(listed, 4) for w in batch] == listed
    assert [*batches([], 4)] == []


def test_trouble_with_budgets_of_one_namespace_is_no_others() -> None:
    class Away(FakeObserver):
        async def fleet_restraints(self, workloads: Sequence[Workload]) -> dict[Target, Restraints]:
            raise NeverHappened("403 forbidden", where="shop", hint="ask", http=403)

    found, _, _ = tuned(Away({"web": [1_200] * 4, "calm": [780] * 2}, [workload("web"), workload("calm", 2)]))
    whys = {row.proposal.target.name: row.proposal.why for row in found.rows}
    assert whys == {"web": "unreadable", "calm": "within-tolerance"}
