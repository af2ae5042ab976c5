"""The verdict on a change: is the workload worse than before? A pure function of two looks at it.

Pods are compared with themselves before the change. So is a metric in the plain form, which knows neither seasons nor
chance; where its history allows, an Effect judges it instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from policies.types import Judged
from tools.cluster.rollout import RolloutProgress
from tools.metrics.types import SPECS, Metric
from tools.path.alarms import alarms
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


@dataclass(frozen=True, slots=True)
class Effect:
    """How a metric moved with the change, less its season: by `effect_ppm` of itself at least; `chance_ppm` of the
    `placebos` (earlier moments, when nothing was changed) show as much, None where those are too few."""

    worse: bool
    effect_ppm: int
    chance_ppm: int | None
    placebos: int

    def said(self, name: str) -> str:
        """For a person."""
        how = f"{name} {self.effect_ppm / 10_000:+.3g} % beside its season"
        if self.chance_ppm is None:
            return f"{how}, against twice the noise before"
        return f"{how}; {self.chance_ppm / 10_000:.1f} % of {self.placebos} earlier moments show as much"


def judge(
    before: Vitals,
    now: Vitals,
    progress: RolloutProgress,
    metrics: Mapping[Judged, int],
    since_ms: int,
    restarts: int = 0,
    effects: Mapping[Judged, Effect] = MappingProxyType({}),
) -> Verdict:
    """Compare. `metrics` are the allowed ratios in ppm, `since_ms` is when the change was made, `restarts` in how
    many pods it restarts a container on purpose; a metric of which the effect is known is judged by that.

    Pods that were added and are not ready do not make it worse: as many as before are.
    """
    late_ms = now.at_ms - since_ms - now.window_s * 1000
    if late_ms > LATE_MS:
        why = f"it was looked at {late_ms // 60_000} min after the deadline: what is seen may have another cause"
        return Verdict("inconclusive", why)
    if now.images != before.images:
        return Verdict("inconclusive", "another image runs since: what is seen may be its effect")
    plain = {name: ppm for name, ppm in metrics.items() if name not in effects}
    worse = [*_by_pods(before, now, restarts), *_by_metrics(before, now, plain, since_ms)]
    worse += [effect.said(name) for name, effect in effects.items() if effect.worse]
    if progress.state in ("error", "infeasible"):
        worse.append(progress.detail)
    if worse:
        return Verdict("worse", "; ".join(worse))
    unknown = list(_unknown(now, plain, since_ms))
    if progress.state != "applied":
        unknown.append(f"not carried out yet: {progress.detail}")
    if unknown:
        return Verdict("inconclusive", "; ".join(unknown))
    seasonal = [effect.said(name) for name, effect in effects.items()]
    return Verdict("verified", ", ".join([*_said(before, now, plain), *seasonal]))


def _by_pods(before: Vitals, now: Vitals, restarts: int) -> Iterable[str]:
    expected = min(before.ready, now.replicas)
    if now.ready < expected:
        yield f"{now.ready} of {now.replicas} ready, {expected} would be as before"
    yield from alarms(before, now)
    if now.oom_killed <= before.oom_killed and now.restarted > before.restarted + restarts:
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
