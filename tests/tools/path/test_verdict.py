"""The verdict: each figure against its own value before the change, and what is not known is said."""

from dataclasses import replace
from typing import Any

import pytest

from tools.cluster.rollout import RolloutProgress
from tools.path.verdict import judge
from tools.path.vitals import Figure, Vitals, vitals_of

T = 1_790_000_000_000
DONE = RolloutProgress("applied", 4, 4, "4 of 4 ready")
BEFORE = Vitals(
    T,
    300,
    4,
    4,
    0,
    0,
    ("app:1",),
    {"latency_p95": Figure(200_000, "", 300), "error_rate": Figure(0, "", 300)},
)
NOW = replace(BEFORE, at_ms=T + 300_000)
ALLOWED = {"latency_p95": 1_200_000, "error_rate": 2_000_000}


def said(progress: RolloutProgress = DONE, before: Vitals = BEFORE, **now: Any) -> tuple[str, str]:
    found = judge(before, replace(NOW, **now), progress, ALLOWED, T)  # type: ignore[arg-type]
    return found.word, found.why


def test_a_restart_on_purpose_is_no_harm() -> None:
    for purposed, restarted, word in ((1, 1, "verified"), (1, 2, "worse"), (0, 1, "worse")):
        now = replace(NOW, restarted=restarted)
        assert judge(BEFORE, now, DONE, ALLOWED, T, purposed).word == word  # type: ignore[arg-type]
    killed = replace(NOW, restarted=1, oom_killed=1)
    assert judge(BEFORE, killed, DONE, ALLOWED, T, 1).word == "worse"  # type: ignore[arg-type]


def figures(**changed: Figure) -> dict[str, Figure]:
    return {**BEFORE.metrics, **changed}


@pytest.mark.parametrize(
    ("now", "word", "why"),
    [
        ({}, "verified", "latency_p95 200 ms -> 200 ms"),
        ({"replicas": 8, "ready": 8}, "verified", "8 of 8 ready"),
        ({"replicas": 2, "ready": 2}, "verified", "2 of 2 ready"),
        ({"replicas": 8, "ready": 5}, "verified", "5 of 8 ready"),
        ({"ready": 3}, "worse", "3 of 4 ready, 4 would be as before"),
        ({"replicas": 2, "ready": 1}, "worse", "1 of 2 ready, 2 would be as before"),
        ({"ready": 3, "at_ms": T + 3_900_000}, "worse", "3 of 4 ready"),
        ({"ready": 3, "at_ms": T + 3_900_001}, "inconclusive", "60 min after the deadline"),
        ({"at_ms": T + 3_900_001}, "inconclusive", "may have another cause"),
        ({"restarted": 1}, "worse", "restarted: 0 -> 1 pods in 300 s"),
        ({"restarted": 2, "oom_killed": 2}, "worse", "killed for memory: 0 -> 2 pods in 300 s"),
        ({"metrics": figures(latency_p95=Figure(240_000, "", 300))}, "verified", "-> 240 ms"),
        ({"metrics": figures(latency_p95=Figure(240_001, "", 300))}, "worse", "at most x1.2"),
        ({"metrics": figures(error_rate=Figure(2_000, "", 300))}, "verified", "error_rate 0 % -> 0.2 %"),
        ({"metrics": figures(error_rate=Figure(2_001, "", 300))}, "worse", "error_rate 0 % -> 0.2001 %"),
        (
            {"metrics": figures(error_rate=Figure(None, "stale", 0))},
            "inconclusive",
            "error_rate is not known (stale)",
        ),
        ({"metrics": figures(error_rate=Figure(9, "", 301))}, "inconclusive", "begin before the change"),
        ({"images": ("app:2",), "ready": 0}, "inconclusive", "another image runs since"),
    ],
)
def test_a_figure_beside_its_own_before(now: dict[str, Any], word: str, why: str) -> None:
    found = said(**now)
    assert found[0] == word
    assert why in found[1]


def test_what_restarted_before_as_well_is_not_the_changes_doing() -> None:
    noisy = replace(BEFORE, restarted=2, oom_killed=1)
    assert said(before=noisy, restarted=2, oom_killed=1)[0] == "verified"


@pytest.mark.parametrize(
    ("state", "word"),
    [("error", "worse"), ("infeasible", "worse"), (None, "inconclusive"), ("deferred", "inconclusive")],
)
def test_how_far_the_cluster_is_with_it(state: Any, word: str) -> None:
    found = said(RolloutProgress(state, 1, 4, "pod web-1: CrashLoopBackOff"))
    assert found[0] == word
    assert "CrashLoopBackOff" in found[1]


def test_a_metric_that_is_missing_does_not_hide_a_crash() -> None:
    assert said(restarted=1, metrics=figures(error_rate=Figure(None, "source_away", 0)))[0] == "worse"


def test_a_record_gives_back_what_it_was_given() -> None:
    assert vitals_of(BEFORE.document) == BEFORE
