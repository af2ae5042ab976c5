"""From figures by pod to figures by workload: which of the targets a pod is of, and what its workload comes to.

A pod is told by its name, as `pods.pattern` has it: the same pods as in a question about one workload.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from policies.types import Target
from tools.metrics.numbers import Measured
from tools.metrics.pods import pattern

T = TypeVar("T")
Pod = tuple[str, str]
"""Namespace and name."""
_DASHES = {"deployment": 2, "statefulset": 1, "daemonset": 1}
"""How many parts of its own a pod's name has after the workload's; names that were cut are looked at one by one."""
_CUT = 46
"""A workload's name of this length or less is never cut: 58 less the hash and two dashes."""


class PodOwners:
    """Looks a pod's workload up among some targets."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._by_name: dict[tuple[str, str, int], list[Target]] = {}
        self._others: dict[str, list[Target]] = {}
        for target in targets:
            namespace = target.namespace or ""
            if stands_whole(target):
                key = namespace, target.name, _DASHES[target.kind]
                self._by_name.setdefault(key, []).append(target)
            else:
                self._others.setdefault(namespace, []).append(target)
        self._patterns: dict[Target, re.Pattern[str]] = {}

    def of(self, pod: Pod) -> list[Target]:
        """The targets whose pod it is by its name: mostly one, and none for a stranger."""
        return [target for target in self._candidates(*pod) if self._pattern(target).fullmatch(pod[1])]

    def _candidates(self, namespace: str, name: str) -> Iterator[Target]:
        for dashes in (1, 2):
            base = name.rsplit("-", dashes)[0]
            yield from self._by_name.get((namespace, base, dashes), ())
        yield from self._others.get(namespace, ())

    def _pattern(self, target: Target) -> re.Pattern[str]:
        if target not in self._patterns:
            self._patterns[target] = re.compile(pattern(target))
        return self._patterns[target]


def together(each: Sequence[Measured]) -> Measured:
    """What the pods of one workload come to: sums, and the time of the newest. A pod that is expected and has no
    figure is not covered, as in a question about the workload."""
    texts = [one.text for one in each if one.text is not None]
    moments = [one.at_ms for one in each if one.at_ms is not None]
    return Measured(
        text=_sum(texts),
        at_ms=max(moments, default=None),
        covered_ppm=sum(one.covered_ppm for one in each),
        expected_ppm=sum(one.expected_ppm or 0 for one in each),
        window_s=max((one.window_s for one in each), default=0),
        partial=any(one.partial for one in each),
    )


def _sum(texts: Sequence[str]) -> str | None:
    """Exactly, of what Prometheus writes; NaN or infinity of one pod is that of all."""
    if len(texts) < 2:
        return texts[0] if texts else None
    return str(sum((Decimal(text) for text in texts), Decimal(0)))


def by_kind(targets: Iterable[Target]) -> list[tuple[str, list[Target]]]:
    """The targets that `stands_whole`, by kind."""
    found: dict[str, list[Target]] = {}
    for target in targets:
        if stands_whole(target):
            found.setdefault(target.kind, []).append(target)
    return list(found.items())


def stands_whole(target: Target) -> bool:
    """Whether the workload's name can be told from any of its pods' names."""
    return target.kind in _DASHES and len(target.name) <= _CUT


def by_namespace(targets: Sequence[Target], most: int) -> Iterator[list[str]]:
    """The targets' namespaces in groups of no more than so many targets; a larger one is a group of its own."""
    counts: dict[str, int] = {}
    for target in targets:
        counts[target.namespace or ""] = counts.get(target.namespace or "", 0) + 1
    group, size = list[str](), 0
    for namespace, count in sorted(counts.items()):
        if group and size + count > most:
            yield group
            group, size = [], 0
        group.append(namespace)
        size += count
    if group:
        yield group


def grouped(owners: PodOwners, pods: Mapping[Pod, T]) -> dict[Target, list[T]]:
    """What is known of each pod, by workload."""
    found: dict[Target, list[T]] = {}
    for pod, known in pods.items():
        for target in owners.of(pod):
            found.setdefault(target, []).append(known)
    return found
