"""Many syncs at once: at which of them an HPA would act, while its pods do not change.

The same rules as in forecasting.hpa.controller, on arrays over time. What is found here is only *when* to look: the
decision itself is the controller's. Between those moments it also says what the controller has recommended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from forecasting.hpa.controller import SYNC_S
from forecasting.hpa.formula import Tolerances
from forecasting.hpa.rules import DOWNSCALE_WINDOW_S, Change, Memory
from forecasting.hpa.spec import MetricTarget, Spec
from forecasting.seeded_random import Ints

NONE = -1
"""No recommendation: no metric may be acted on."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """The pods of a resource over time, in thousandths of its unit: `usage`, `requests` and `sampled` of those
    that have a sample, `missing` and their `missing_requests` of those that have none; `unready` and
    `unready_requests` of those that have not begun. `known` says that every pod has a request."""

    usage: Ints
    requests: Ints
    sampled: Ints
    missing: Ints
    missing_requests: Ints
    unready: int
    unready_requests: int
    known: bool


def recommended(spec: Spec, current: int, crowds: Sequence[Crowd]) -> Ints:
    """For each sync the largest proposal of the metrics (one crowd each), or NONE."""
    proposals = np.stack(
        [_proposed(spec.tolerances, m, current, c) for m, c in zip(spec.metrics, crowds, strict=True)]
    )
    failed = (proposals == NONE).sum(axis=0)
    best = proposals.max(axis=0)
    unusable = (failed == len(proposals)) | ((failed > 0) & (best < current))
    return cast(Ints, np.where(unusable, NONE, best))


def _proposed(tolerances: Tolerances, metric: MetricTarget, current: int, crowd: Crowd) -> Ints:
    if metric.invalid or (metric.utilisation and not crowd.known):
        return np.full(len(crowd.usage), NONE, dtype=np.int64)
    seen = _measured(metric, crowd.usage, crowd.requests, crowd.sampled)
    low, high, target = seen < metric.target, seen > metric.target, metric.target
    each = max(100, target) * crowd.missing_requests // 100 if metric.utilisation else target * crowd.missing
    filled = _measured(
        metric,
        crowd.usage + np.where(low, each, 0),
        crowd.requests
        + np.where(low | high, crowd.missing_requests, 0)
        + np.where(high, crowd.unready_requests, 0),
        crowd.sampled + np.where(low | high, crowd.missing, 0) + np.where(high, crowd.unready, 0),
    )
    pods = crowd.sampled + np.where(low | high, crowd.missing, 0) + np.where(high, crowd.unready, 0)
    first, second = seen / target, filled / target
    wanted = np.ceil(second * pods).astype(np.int64)
    within = (second >= 1.0 - tolerances.down) & (second <= 1.0 + tolerances.up)
    over = ((first < 1.0) & (second > 1.0)) | ((first > 1.0) & (second < 1.0))
    turned = ((second < 1.0) & (wanted > current)) | ((second > 1.0) & (wanted < current))
    kept = within | over | (turned & (pods != crowd.sampled))
    empty = (crowd.sampled == 0) | ((crowd.requests == 0) & metric.utilisation)
    return np.where(empty, NONE, np.where(kept, current, wanted))


def _measured(metric: MetricTarget, usage: Ints, requests: Ints, pods: Ints) -> Ints:
    """Percent of the requests, or the average of a pod."""
    return 100 * usage // np.maximum(1, requests) if metric.utilisation else usage // np.maximum(1, pods)


def first_move(
    spec: Spec, memory: Memory, current: int, raw: Ints, from_ms: int, active: bool, limited: bool
) -> int | None:
    """The first sync at which the controller acts, or a condition of its changes; None if at none of them.

    A rate limit is not looked at: where it holds replicas back, the controller is asked at every sync.
    """
    stable = _stable(spec, memory, current, raw, from_ms)
    bounds, usable = spec.bounds, raw != NONE
    rate = max(2 * current, 4) if spec.behavior is None else bounds.maximum
    final = np.clip(stable, bounds.minimum, min(bounds.maximum, max(rate, bounds.minimum)))
    moves = usable & ((final != current) | ((final != stable) != limited))
    changes = moves | (usable != active)
    return int(changes.argmax()) if changes.any() else None


def _stable(spec: Spec, memory: Memory, current: int, raw: Ints, from_ms: int) -> Ints:
    """What is left of each recommendation after the windows."""
    if spec.behavior is None:
        return _window(memory, raw, from_ms, DOWNSCALE_WINDOW_S * 1000 // (SYNC_S * 1000) + 1, highest=True)
    up, down = (max(1, -(-w.window_s // SYNC_S)) for w in (spec.behavior.up, spec.behavior.down))
    low = _window(memory, raw, from_ms, up, highest=False)
    high = _window(memory, raw, from_ms, down, highest=True)
    return cast(Ints, np.minimum(np.maximum(current, low), high))


def _window(memory: Memory, raw: Ints, from_ms: int, size: int, *, highest: bool) -> Ints:
    """The highest or lowest of the last `size` recommendations, this one too."""
    if size == 1:
        return raw
    empty = -1 if highest else np.iinfo(np.int64).max
    before = np.full(size - 1, empty, dtype=np.int64)
    line = np.concatenate([before, np.where(raw == NONE, empty, raw)])
    for change in memory.recommended:
        place = size - 1 - -(-(from_ms - change.at_ms) // (SYNC_S * 1000))
        if 0 <= place < size:
            line[place] = (max if highest else min)(int(line[place]), change.replicas)
    views = np.lib.stride_tricks.sliding_window_view(line, size)
    return cast(Ints, views.max(axis=1) if highest else views.min(axis=1))


def absorbed(spec: Spec, memory: Memory, times: Ints, raw: Ints) -> Memory:
    """The memory after those syncs, at none of which the controller acted."""
    behavior = spec.behavior
    windows = [DOWNSCALE_WINDOW_S] if behavior is None else [behavior.up.window_s, behavior.down.window_s]
    since = int(times[-1]) - max(windows) * 1000
    at = max(0, len(times) - max(windows) // SYNC_S - 1)
    new = [Change(t, r) for t, r in zip(times[at:].tolist(), raw[at:].tolist(), strict=True) if r != NONE]
    kept = [c for c in memory.recommended if c.at_ms >= since]
    return Memory((*kept, *new), memory.up, memory.down)
