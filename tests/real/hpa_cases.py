"""What the autoscalers are put to: single decisions, and series of loads that they answer step by step.

Pods ask for 100m and the autoscalers aim at 50 %, so a load of 50m is one pod's worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.real.hpa import PodState, alike, average, cpu
from tests.real.rest import Json

NOW: Json = {"stabilizationWindowSeconds": 0}
YOUNG: dict[str, Any] = {"age_s": 20, "changed_s": 15}
"""Within --horizontal-pod-autoscaler-cpu-initialization-period (5 min) and -initial-readiness-delay (30 s)."""


@dataclass(frozen=True)
class Case:
    """One decision on a workload of so many replicas, whose pods are in these states."""

    replicas: int
    spec: Json
    pods: Sequence[PodState]


def policies(select: str, *several: tuple[str, int, int], window_s: int = 0) -> Json:
    """One direction's behavior: (type, value, periodSeconds) each."""
    listed = [{"type": kind, "value": value, "periodSeconds": period} for kind, value, period in several]
    return {"selectPolicy": select, "policies": listed, "stabilizationWindowSeconds": window_s}


CASES: dict[str, Case] = {
    # tolerance: a tenth on either side
    "tolerated-above": Case(4, cpu(50), alike(4, 54)),
    "tolerated-at-the-edge": Case(4, cpu(50), alike(4, 55)),
    "beyond-above": Case(4, cpu(50), alike(4, 56)),
    "tolerated-below": Case(4, cpu(50, scaleDown=NOW), alike(4, 46)),
    "tolerated-at-the-lower-edge": Case(10, cpu(50, scaleDown=NOW), alike(10, 45)),
    "beyond-below": Case(10, cpu(50, scaleDown=NOW), alike(10, 44)),
    # the formula and its bounds
    "doubled": Case(2, cpu(50), alike(2, 100)),
    "uneven": Case(3, cpu(50), [*alike(1, 150), *alike(2, 30)]),
    "unequal-requests": Case(2, cpu(50), [PodState(90, request=100), PodState(240, request=300)]),
    "percent-cut-off": Case(10, cpu(60), alike(10, 100, request=151)),
    "to-the-maximum": Case(6, cpu(50, 1, 8), alike(6, 100)),
    "to-the-minimum": Case(6, cpu(50, 3, scaleDown=NOW), alike(6, 10)),
    "above-the-maximum-already": Case(9, cpu(50, 1, 5), alike(9, 50)),
    "below-the-minimum-already": Case(2, cpu(50, 4), alike(2, 50)),
    "no-replicas": Case(0, cpu(50), []),
    "idle": Case(4, cpu(50, scaleDown=NOW), alike(4, 0)),
    # how fast
    "up-by-the-shipped-limit-of-four": Case(2, cpu(50, 1, 100), alike(2, 1000)),
    "up-by-the-shipped-limit-of-double": Case(6, cpu(50, 1, 100), alike(6, 1000)),
    "down-is-held-for-five-minutes": Case(4, cpu(50), alike(4, 10)),
    "down-at-once": Case(4, cpu(50, scaleDown=NOW), alike(4, 10)),
    "up-by-one": Case(4, cpu(50, scaleUp=policies("Max", ("Pods", 1, 60))), alike(4, 200)),
    "up-by-the-least": Case(
        8, cpu(50, scaleUp=policies("Min", ("Pods", 3, 60), ("Percent", 10, 60))), alike(8, 200)
    ),
    "down-by-a-quarter": Case(9, cpu(50, scaleDown=policies("Max", ("Percent", 25, 60))), alike(9, 1)),
    "down-by-the-least": Case(
        9, cpu(50, scaleDown=policies("Min", ("Percent", 50, 60), ("Pods", 2, 60))), alike(9, 1)
    ),
    "up-disabled": Case(4, cpu(50, scaleUp={"selectPolicy": "Disabled"}), alike(4, 200)),
    "down-disabled": Case(4, cpu(50, scaleDown={"selectPolicy": "Disabled"}), alike(4, 1)),
    "up-is-held": Case(4, cpu(50, scaleUp=policies("Max", ("Pods", 9, 60), window_s=60)), alike(4, 200)),
    "up-with-its-own-tolerance": Case(4, cpu(50, scaleUp={"tolerance": "0.05"}), alike(4, 53)),
    "down-with-its-own-tolerance": Case(10, cpu(50, scaleDown={**NOW, "tolerance": "0.2"}), alike(10, 42)),
    # an average a pod
    "average-up": Case(2, average("50m"), alike(2, 101)),
    "average-down": Case(6, average("50m", scaleDown=NOW), alike(6, 11)),
    "average-tolerated": Case(4, average("50m"), alike(4, 54)),
    "average-needs-no-requests": Case(2, average("50m"), alike(2, 80, request=0)),
    "average-missing-on-the-way-up": Case(4, average("50m"), [*alike(3, 100), *alike(1, None)]),
    "average-missing-on-the-way-down": Case(
        4, average("50m", scaleDown=NOW), [*alike(3, 10), *alike(1, None)]
    ),
    # who counts
    "missing-on-the-way-up": Case(4, cpu(50), [*alike(3, 100), *alike(1, None)]),
    "missing-on-the-way-down": Case(4, cpu(50, scaleDown=NOW), [*alike(3, 10), *alike(1, None)]),
    "missing-turn-it-round": Case(4, cpu(50, scaleDown=NOW), [*alike(1, 60), *alike(3, None)]),
    "missing-all": Case(3, cpu(50), alike(3, None)),
    "unready-on-the-way-up": Case(3, cpu(50), [*alike(2, 100), *alike(1, 100, ready=False, **YOUNG)]),
    "unready-on-the-way-down": Case(
        4, cpu(50, scaleDown=NOW), [*alike(3, 10), *alike(1, 10, ready=False, **YOUNG)]
    ),
    "unready-turn-it-round": Case(
        6, cpu(50, scaleDown=NOW), [*alike(3, 60), *alike(3, 60, ready=False, **YOUNG)]
    ),
    "unready-for-long-counts": Case(3, cpu(50), [*alike(2, 100), *alike(1, 100, ready=False, changed_s=600)]),
    "never-ready": Case(3, cpu(50), [*alike(2, 100), *alike(1, 100, ready=False, age_s=600, changed_s=590)]),
    "ready-but-measured-before": Case(3, cpu(50), [*alike(2, 100), *alike(1, 100, age_s=20, changed_s=5)]),
    "ready-and-measured-since": Case(3, cpu(50), [*alike(2, 100), *alike(1, 100, age_s=60, changed_s=50)]),
    "unscheduled": Case(3, cpu(50), [*alike(2, 100), *alike(1, None, ready=False, phase="Pending", **YOUNG)]),
    "failed-does-not-count": Case(3, cpu(50), [*alike(3, 100), *alike(2, None, phase="Failed")]),
    "without-requests": Case(3, cpu(50), alike(3, 100, request=0)),
    "no-pods": Case(3, cpu(50), []),
    "more-replicas-than-pods": Case(6, cpu(50), alike(3, 100)),
    "fewer-replicas-than-pods": Case(3, cpu(50), alike(6, 40)),
}


@dataclass(frozen=True)
class SeriesCase:
    """A workload that starts with so many ready pods, and loads in millicores, each for so many seconds."""

    replicas: int
    spec: Json
    steps: Sequence[tuple[int, int]]


MOST = 6
SERIES: dict[str, SeriesCase] = {
    "held-as-shipped": SeriesCase(2, cpu(50, 1, MOST), [(100, 2), (200, 3), (30, 6), (105, 3)]),
    "stabilised": SeriesCase(
        2,
        cpu(50, 1, MOST, scaleDown={"stabilizationWindowSeconds": 4}),
        [(100, 2), (105, 2), (220, 3), (600, 4), (200, 7), (100, 2), (200, 6), (30, 7)],
    ),
    "by-policies": SeriesCase(
        2,
        cpu(50, 2, MOST, scaleUp=policies("Max", ("Pods", 1, 3)), scaleDown=policies("Max", ("Percent", 50, 4))),
        [(100, 2), (220, 2), (100, 5), (220, 9), (30, 8), (105, 2), (200, 8)],
    ),
    "held-on-the-way-up": SeriesCase(
        2,
        cpu(
            50, 1, MOST,
            scaleUp=policies("Max", ("Percent", 100, 2), window_s=4), scaleDown={"selectPolicy": "Disabled"},
        ),
        [(100, 2), (600, 2), (100, 6), (200, 8), (30, 3), (600, 10)],
    ),
}  # fmt: skip
"""Each phase is long enough for the autoscaler to come to rest, so its sequence does not hang on a second."""


def pods_under(load: int, replicas: int) -> list[PodState]:
    """The load shared evenly."""
    return alike(replicas, load // replicas)
