"""Absolute numbers that no rule widens and no approval lifts."""

from collections.abc import Iterator

from policies.bounds import breach_of
from policies.inputs import DecisionInput, Refusal, ScreenInput
from policies.kinds import Ceiling, Selected
from policies.patterns import Labels, fits, sel_match, selector_text
from policies.types import Target


def ceiling(case: DecisionInput) -> Refusal | None:
    """Every ceiling over the target binds."""
    for document in over(case):
        name = document.metadata.name
        breach = breach_of(case.snapshot.caps[name], case.seen.deltas, closed=False)
        if breach is not None:
            return Refusal("ceiling", name, breach.detail)
    return None


def over(ask: ScreenInput) -> Iterator[Ceiling]:
    """The ceilings over the request's target; unknown labels are taken to match."""
    for document in ask.snapshot.ceilings:
        if covers(document.spec.target, ask.request.target, ask.labels):
            yield document


def covers(selected: Selected, target: Target, labels: Labels) -> bool:
    """Whether the selection holds the target."""
    return (
        any(fits(target.cluster, pattern) for pattern in selected.clusters)
        and any(fits(target.namespace or "", pattern) for pattern in selected.namespaces)
        and any(fits(target.kind, pattern) for pattern in selected.kinds)
        and any(fits(target.name, pattern) for pattern in selected.names)
        and sel_match(labels, selector_text(selected.labels), "deny")
    )
