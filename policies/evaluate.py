"""One whole evaluation: the rules for one principal, their limits, the approvals that bind.

How several matching rules combine:
- any matching deny denies;
- a matching allow *fits* where its own limits hold; without one that fits, the change is refused;
- approvals with `when` bind every change that fits their rule, whatever other rules allow;
- an approval without `when` is its rule's price: it binds only where no other fitting rule carries the change
  (one without an approval, or whose approval has a `when`);
- obligations and cooldowns of all fitting rules bind (the longest of each).
So `web` may go from 4 to 8 by a rule that allows steps of 5 up to 12, and to 15 only by the second rule,
which allows 20 at the price of an approval.
"""

from collections.abc import Iterable
from typing import NamedTuple

from policies.bounds import Breach, breach_of
from policies.compiler import EVERYONE, Matches
from policies.patterns import Labels
from policies.snapshot import Approve, Rule, Snapshot
from policies.types import ApprovalNeed, Delta, Obligation, Request


class Evaluation(NamedTuple):
    """What the rules say for one principal. `refusal` is None where they let the change pass."""

    who: str
    matches: Matches
    fitting: tuple[Rule, ...] = ()
    refused_by: str | None = None
    refusal: str | None = None
    stage: str = "rules"
    needs: tuple[ApprovalNeed, ...] = ()


def principals(request: Request) -> list[tuple[str, tuple[str, ...]]]:
    """Who must each be allowed: the agent (if one asks), and the human with all groups."""
    principal = request.principal
    out: list[tuple[str, tuple[str, ...]]] = []
    if principal.agent is not None:
        out.append((principal.agent, (principal.agent, EVERYONE)))
    if principal.on_behalf_of is not None:
        human = principal.on_behalf_of
        out.append((human, (human, *principal.groups, EVERYONE)))
    return out


def by_names(snapshot: Snapshot, request: Request, subjects: tuple[str, ...], labels: Labels) -> Matches:
    """The rules that match by role, cluster, action, names and labels."""
    target = request.target
    return snapshot.table.matches(subjects, target.cluster, target.path, request.action, labels)


def evaluate(
    snapshot: Snapshot,
    request: Request,
    who: str,
    subjects: tuple[str, ...],
    labels: Labels,
    deltas: tuple[Delta, ...],
) -> Evaluation:
    """The whole evaluation for one principal."""
    matches = by_names(snapshot, request, subjects, labels)
    if not matches.allowed:
        return refused(who, matches, request)
    allows = [snapshot.rules[name] for name in matches.allows]
    fitting, breaches = _fitting(allows, deltas)
    if not fitting:
        _, rule, breach = min(breaches, key=lambda found: found[:2])
        return Evaluation(who, matches, (), rule, breach.detail, "limits")
    return Evaluation(who, matches, tuple(fitting), needs=_needs(fitting, deltas))


def refused(who: str, matches: Matches, request: Request) -> Evaluation:
    """A refusal by names: a deny that matches, or no allow that does."""
    target = request.target
    what = f"{request.action} {target} in {target.cluster}/{target.namespace or ''}".rstrip("/")
    if matches.denies:
        return Evaluation(who, matches, (), matches.denies[0], f"{who} may never {what}")
    return Evaluation(who, matches, (), None, f"no rule lets {who} {what}")


def _fitting(
    allows: list[Rule], deltas: tuple[Delta, ...]
) -> tuple[list[Rule], list[tuple[int, str, Breach]]]:
    """The allows whose limits hold; of the others how far off, which, and why."""
    fitting: list[Rule] = []
    breaches: list[tuple[int, str, Breach]] = []
    for rule in allows:
        breach = breach_of(rule.bounds, deltas, closed=True)
        if breach is None:
            fitting.append(rule)
        else:
            breaches.append((breach.distance, rule.name, breach))
    return fitting, breaches


def _needs(fitting: list[Rule], deltas: tuple[Delta, ...]) -> tuple[ApprovalNeed, ...]:
    approvals = [rule.approve for rule in fitting if rule.approve is not None]
    if not approvals:
        return ()
    if len(approvals) < len(fitting) or not all(approve.priced for approve in approvals):
        return tuple(approve.need for approve in approvals if not approve.priced and asks(approve, deltas))
    return tuple(approve.need for approve in approvals)


def asks(approve: Approve, deltas: tuple[Delta, ...]) -> bool:
    """Whether the approval's `when` is true of the change (an unknown number makes it true)."""
    return approve.always or any(_crosses(approve, delta) for delta in deltas)


def _crosses(approve: Approve, delta: Delta) -> bool:
    above, below = approve.thresholds.get(delta.dimension, (None, None))
    if delta.after is None:
        return above is not None or below is not None
    return (above is not None and delta.after > above) or (below is not None and delta.after < below)


def cooldown_ms(evaluations: Iterable[Evaluation]) -> tuple[int, str | None]:
    """The longest cooldown that binds, and its rule."""
    longest, name = 0, None
    for evaluation in evaluations:
        for rule in evaluation.fitting:
            if rule.cooldown_ms > longest:
                longest, name = rule.cooldown_ms, rule.name
    return longest, name


def obligations(evaluations: Iterable[Evaluation]) -> tuple[Obligation, ...]:
    """Every obligation that binds, each kind once, with its longest time."""
    longest: dict[str, Obligation] = {}
    for evaluation in evaluations:
        for rule in evaluation.fitting:
            for duty in rule.obligations:
                known = longest.get(duty.kind)
                if known is None or duty.seconds > known.seconds:
                    longest[duty.kind] = duty
    return tuple([longest[kind] for kind in sorted(longest)])
