"""Quiet: no change of a workload while an alert fires on it, or while a rollout of it goes on."""

from policies.evaluate import by_names, principals
from policies.inputs import DecisionInput, Refusal
from policies.kinds import Quiet
from policies.patterns import UNSEEN
from policies.snapshot import Snapshot
from policies.types import Request


def quiet(case: DecisionInput) -> Refusal | None:
    """What any fitting rule wants quiet must be known to be so: what could not be seen refuses too.

    A rollback is exempt: the alert may be about the very change that it puts back.
    """
    if "quiet" not in case.snapshot.uses or case.situation.rollback:
        return None
    rules = {rule.name: rule for found in case.evaluations for rule in found.fitting}
    for rule in rules.values():
        for what in rule.quiet:
            why = _loud(case, what)
            if why is not None:
                return Refusal("quiet", rule.name, why)
    return None


def wanted(snapshot: Snapshot, request: Request) -> frozenset[Quiet]:
    """What must be looked at for the decision, as far as names tell."""
    if "quiet" not in snapshot.uses:
        return frozenset()
    return frozenset(
        what
        for _, subjects in principals(request)
        for name in by_names(snapshot, request, subjects, UNSEEN).allows
        for what in snapshot.rules[name].quiet
    )


def _loud(case: DecisionInput, what: Quiet) -> str | None:
    seen = case.seen
    if what == "rollouts":
        if seen.rolling_out is None:
            return "whether a rollout goes on is not known"
        return "a rollout of it goes on: wait until it has ended" if seen.rolling_out else None
    if seen.alerts is None:
        return "whether an alert fires on it is not known"
    fire = "1 alert fires" if seen.alerts == 1 else f"{seen.alerts} alerts fire"
    return f"{fire} on it" if seen.alerts else None
