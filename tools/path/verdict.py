"""The verdict on a change: is the workload worse than before? A pure function of two looks at it.

This is the plain form: each figure against its own value before the change. It knows neither seasons nor chance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from policies.types import Judged
from tools.cluster.rollout import RolloutProgress
from tools.metrics.types import SPECS, Metric
from tools.path.vitals import Figure, Vitals

VerdictWord = Literal["verified", "worse", "inconclusive"]

NOTHING: Mapping[str, int] = {"us": 1000, "ppm": 1000}
"""By unit, what counts as nothing (1 ms, 0.1 %): a metric is judged by its ratio to no less than this, so that one
failed request after none is not infinitely worse."""

LATE_MS = 3_600_000
"""So long after its deadline what is seen counts as the change's effect: as long as rollback has right of way."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`worse`: by the figures that `why` tells; `inconclusive`: something that it takes is not known."""

    word: VerdictWord
    why: str


def judge(
    before: Vitals,
    now: Vitals,
    progress: RolloutProgress,
    metrics: Mapping[Judged, int],
    since_ms: int,
    restarts: int = 0,
) -> Verdict:
    """Compare. `metrics` are the allowed ratios in ppm, `since_ms` is when the change was made, `restarts` in how
    many pods it restarts a container on purpose.

    Pods that were added and are not ready do not make it worse: as many as before are.
    """
    late_ms = now.at_ms - since_ms - now.window_s * 1000
    if late_ms > LATE_MS:
        why = f"it was looked at {late_ms // 60_000} min after the deadline: what is seen may have another cause"
        return Verdict("inconclusive", why)
    if now.images != before.images:
        return Verdict("inconclusive", "another image runs since: what is seen may be its effect")
    worse = [*_by_pods(before, now, restarts), *_by_metrics(before, now, metrics, since_ms)]
    if progress.state in ("error", "infeasible"):
        worse.append(progress.detail)
    if worse:
        return Verdict("worse", "; ".join(worse))
    unknown = list(_unknown(now, metrics, since_ms))
    if progress.state != "applied":
        unknown.append(f"not carried out yet: {progress.detail}")
    if unknown:
        return Verdict("inconclusive", "; ".join(unknown))
    return Verdict("verified", ", ".join(_said(before, now, metrics)))


def _by_pods(before: Vitals, now: Vitals, restarts: int) -> Iterable[str]:
    expected = min(before.ready, now.replicas)
    if now.ready < expected:
        yield f"{now.ready} of {now.replicas} ready, {expected} would be as before"
    if now.oom_killed > before.oom_killed:
        yield f"killed for memory: {before.oom_killed} -> {now.oom_killed} pods in {now.window_s} s"
    elif now.restarted > before.restarted + restarts:
        yield f"restarted: {before.restarted} -> {now.restarted} pods in {now.window_s} s"


def _by_metrics(before: Vitals, now: Vitals, metrics: Mapping[Judged, int], since_ms: int) -> Iterable[str]:
    for name, ppm in metrics.items():
        was, is_now = before.metrics[name].v, now.metrics[name].v
        if was is None or is_now is None or _reaches_back(now, name, since_ms):
            continue
        floor = max(was, NOTHING[SPECS[Metric(name)].unit])
        if is_now * 1_000_000 > floor * ppm:
            yield f"{name} {_figure(name, was)} -> {_figure(name, is_now)}, at most x{ppm / 1_000_000:g}"


def _reaches_back(now: Vitals, name: Judged, since_ms: int) -> bool:
    return now.at_ms - now.metrics[name].window_s * 1000 < since_ms


def _unknown(now: Vitals, metrics: Mapping[Judged, int], since_ms: int) -> Iterable[str]:
    for name in metrics:
        figure: Figure = now.metrics[name]
        if figure.v is None:
            yield f"{name} is not known ({figure.missing})"
        elif _reaches_back(now, name, since_ms):
            yield f"{name} is taken over {figure.window_s} s, which begin before the change"


def _said(before: Vitals, now: Vitals, metrics: Mapping[Judged, int]) -> Iterable[str]:
    yield f"{now.ready} of {now.replicas} ready"
    yield f"{now.restarted} restarted ({before.restarted} before)"
    yield f"{now.oom_killed} killed for memory"
    for name in metrics:
        yield f"{name} {_figure(name, before.metrics[name].v)} -> {_figure(name, now.metrics[name].v)}"


def _figure(name: Judged, v: int | None) -> str:
    if v is None:
        return "unknown"
    return f"{v / 1000:g} ms" if SPECS[Metric(name)].unit == "us" else f"{v / 10_000:g} %"
