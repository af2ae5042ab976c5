"""One whole evaluation: the rules for one principal, their limits, the approvals that bind.

How several matching rules combine:
- any matching deny denies;
- a matching allow *fits* where its own limits hold; without one that fits, the change is refused;
- approvals with `when` bind every change that fits their rule, whatever other rules allow;
- an approval without `when` is its rule's price: it binds only where no other fitting rule carries the change
  (one without an approval, or whose approval has a `when`);
- obligations and cooldowns of all fitting rules bind (the longest of each).
- a *tainted* request needs a fitting rule that also *carries* it: one whose `tainted:` lets it, within its
  tighter limits. What binds the same change untainted still binds, and approvals of `tainted:` come on top,
  so that a tainted request never gets more.
So `web` may go from 4 to 8 by a rule that allows steps of 5 up to 12, and to 15 only by the second rule,
which allows 20 at the price of an approval.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from policies.bounds import Bound, Breach, breach_of
from policies.compiler import EVERYONE, Matches
from policies.patterns import Labels
from policies.snapshot import Approve, Rule, Snapshot
from policies.types import ApprovalNeed, Delta, Obligation, Request


class Evaluation(NamedTuple):
    """What the rules say for one principal. `refusal` is None where they let the change pass.

    `carrying` are the fitting rules that carry it (all of them, unless it is tainted); where there are none,
    `too_wide` is the nearest tightened limit that it breaks: the rule, and which.
    """

    who: str
    matches: Matches
    fitting: tuple[Rule, ...] = ()
    carrying: tuple[Rule, ...] = ()
    needs: tuple[ApprovalNeed, ...] = ()
    too_wide: tuple[str, str] | None = None
    refused_by: str | None = None
    refusal: str | None = None
    stage: str = "rules"


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


def names_kind(snapshot: Snapshot, request: Request, labels: Labels) -> bool:
    """Whether, for each principal, a rule that allows it says the target's kind, and not only `*`."""
    kinds = {
        doc.metadata.name: doc.spec.target.kinds for doc in snapshot.documents if doc.kind == "ActionPolicy"
    }
    return all(
        any(
            request.target.kind in kinds[name]
            for name in by_names(snapshot, request, subjects, labels).allows
        )
        for _, subjects in principals(request)
    )


def evaluate(
    snapshot: Snapshot,
    request: Request,
    who: str,
    subjects: tuple[str, ...],
    labels: Labels,
    deltas: tuple[Delta, ...],
    *,
    tainted: bool = False,
) -> Evaluation:
    """The whole evaluation for one principal."""
    matches = by_names(snapshot, request, subjects, labels)
    if not matches.allowed:
        return refused(who, matches, request)
    allows = [snapshot.rules[name] for name in matches.allows]
    fitting, breaches = _within([(rule, rule.bounds) for rule in allows], deltas)
    if not fitting:
        _, rule, breach = min(breaches, key=lambda found: found[:2])
        return Evaluation(who, matches, refused_by=rule, refusal=breach.detail, stage="limits")
    if tainted:
        return _tainted(who, matches, fitting, deltas)
    rules = tuple(fitting)
    return Evaluation(who, matches, rules, rules, _needs(rules, rules, deltas))


def _tainted(who: str, matches: Matches, fitting: list[Rule], deltas: tuple[Delta, ...]) -> Evaluation:
    tightened = [(rule, rule.tainted.bounds) for rule in fitting if rule.tainted is not None]
    carrying, breaches = _within(tightened, deltas)
    _, name, nearest = min(breaches, key=lambda found: found[:2], default=(0, "", None))
    mine = [rule.tainted.need for rule in fitting if rule.tainted is not None]
    needs = (*_needs(fitting, carrying, deltas), *(need for need in mine if need is not None))
    too_wide = None if nearest is None else (name, nearest.detail)
    return Evaluation(who, matches, tuple(fitting), tuple(carrying), _strictest(needs), too_wide)


def _strictest(needs: Iterable[ApprovalNeed]) -> tuple[ApprovalNeed, ...]:
    """One need for each rule and role: a rule's own price and its `tainted.approval` are one question."""
    out: dict[tuple[str, str], ApprovalNeed] = {}
    for need in needs:
        known = out.setdefault((need.rule, need.role), need)
        count, expires = max(known.count, need.count), min(known.expires_s, need.expires_s)
        out[need.rule, need.role] = ApprovalNeed(need.rule, need.role, count, expires, need.local)
    return tuple(out.values())


def refused(who: str, matches: Matches, request: Request) -> Evaluation:
    """A refusal by names: a deny that matches, or no allow that does."""
    target = request.target
    what = f"{request.action} {target} in {target.cluster}/{target.namespace or ''}".rstrip("/")
    if matches.denies:
        return Evaluation(who, matches, refused_by=matches.denies[0], refusal=f"{who} may never {what}")
    return Evaluation(who, matches, refusal=f"no rule lets {who} {what}")


def _within(
    rules: Iterable[tuple[Rule, Mapping[str, Bound]]], deltas: tuple[Delta, ...]
) -> tuple[list[Rule], list[tuple[int, str, Breach]]]:
    """The rules within whose bounds the change keeps; of the others how far off, which, and why."""
    fitting: list[Rule] = []
    breaches: list[tuple[int, str, Breach]] = []
    for rule, bounds in rules:
        breach = breach_of(bounds, deltas, closed=True)
        if breach is None:
            fitting.append(rule)
        else:
            breaches.append((breach.distance, rule.name, breach))
    return fitting, breaches


def _needs(
    fitting: Sequence[Rule], carrying: Sequence[Rule], deltas: tuple[Delta, ...]
) -> tuple[ApprovalNeed, ...]:
    approvals = [rule.approve for rule in fitting if rule.approve is not None]
    if not approvals:
        return ()
    if all(rule.approve is not None and rule.approve.priced for rule in carrying):
        return tuple(approve.need for approve in approvals if approve.priced or asks(approve, deltas))
    return tuple(approve.need for approve in approvals if not approve.priced and asks(approve, deltas))


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
    """Every obligation that binds, each kind and metric once, with its longest time and its tightest ratio."""
    found: dict[tuple[str, str], Obligation] = {}
    for evaluation in evaluations:
        for rule in evaluation.fitting:
            for duty in rule.obligations:
                key = (duty.kind, duty.metric or "")
                known = found.get(key, duty)
                seconds, ppm = max(duty.seconds, known.seconds), min(duty.max_ppm, known.max_ppm)
                found[key] = replace(duty, seconds=seconds, max_ppm=ppm)
    return tuple([found[key] for key in sorted(found)])
