"""What would be allowed now, for a refusal's hint: inclusive ranges per dimension, alone or with approval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.bounds import Bound
from policies.evaluate import Evaluation
from policies.guards.budget import binding, left_of
from policies.guards.ceiling import over
from policies.guards.taint import tainted
from policies.inputs import DecisionInput
from policies.snapshot import Rule
from policies.types import Delta, Headroom


@dataclass(frozen=True, slots=True)
class _Range:
    rule: str
    low: int
    high: int
    alone: bool


def headroom_of(case: DecisionInput) -> tuple[Headroom, ...]:
    """By dimension, what agent and human may both reach from the live value, under every ceiling."""
    out: list[Headroom] = []
    for dimension in dict.fromkeys(delta.dimension for delta in case.seen.deltas):
        deltas = [delta for delta in case.seen.deltas if delta.dimension == dimension]
        ranges = _within_budgets(case, deltas, _within_ceilings(case, deltas, _of_all(case, deltas)))
        out += [Headroom(r.rule, dimension, r.low, r.high, r.alone) for r in _distinct(ranges)]
    return tuple(out)


def _of_all(case: DecisionInput, deltas: list[Delta]) -> list[_Range]:
    found: list[_Range] | None = None
    for evaluation in case.evaluations:
        if evaluation.matches.denies:
            return []
        mine = _of_one(case, evaluation, deltas)
        found = mine if found is None else [m for a in found for b in mine if (m := _meet(a, b)) is not None]
    return found or []


def _of_one(case: DecisionInput, evaluation: Evaluation, deltas: list[Delta]) -> list[_Range]:
    rules = [case.snapshot.rules[name] for name in evaluation.matches.allows]
    ranges: list[_Range] = []
    marked = tainted(case)
    for rule in rules:
        reach = _reach(_bounds(rule, marked).get(deltas[0].dimension), deltas)
        if reach is not None:
            ranges += _split(rule, deltas[0].dimension, *reach)
    ranges = [part for r in ranges for part in _bound_by(r, rules, deltas)]
    return [part for r in ranges for part in _asked_if_tainted(r, rules, deltas)] if marked else ranges


def _bounds(rule: Rule, marked: bool) -> Mapping[str, Bound]:
    """What the rule carries: for a tainted session within its tighter bounds, or nothing."""
    if not marked:
        return rule.bounds
    return rule.tainted.bounds if rule.tainted is not None else {}


def _asked_if_tainted(found: _Range, rules: list[Rule], deltas: list[Delta]) -> list[_Range]:
    """`found`, less what the approval of a rule's `tainted:` binds: whatever fits the rule's own limits."""
    parts = [found]
    for rule in rules:
        reach = _reach(rule.bounds.get(deltas[0].dimension), deltas)
        if reach is not None and rule.tainted is not None and rule.tainted.need is not None:
            asked = _Range(rule.name, *reach, False)
            parts = [piece for part in parts for piece in _cut(part, asked)]
    return parts


def _reach(bound: Bound | None, deltas: Iterable[Delta]) -> tuple[int, int] | None:
    """What all containers may reach together."""
    low, high = 0, 2**53 - 1
    for delta in deltas:
        reach = bound.reach(delta.before) if bound is not None else None
        if reach is None:
            return None
        low, high = max(low, reach[0]), min(high, reach[1])
    return (low, high) if low <= high else None


def _split(rule: Rule, dimension: str, low: int, high: int) -> list[_Range]:
    """A rule's range by whether its own approval is asked there."""
    approve = rule.approve
    if approve is None:
        return [_Range(rule.name, low, high, True)]
    if approve.priced or approve.always:
        return [_Range(rule.name, low, high, False)]
    above, below = approve.thresholds.get(dimension, (None, None))
    first = low if below is None else max(low, below)
    last = high if above is None else min(high, above)
    parts = [
        _Range(rule.name, low, min(high, first - 1), False),
        _Range(rule.name, first, last, True),
        _Range(rule.name, max(low, last + 1), high, False),
    ]
    return [part for part in parts if part.low <= part.high]


def _bound_by(found: _Range, rules: list[Rule], deltas: list[Delta]) -> list[_Range]:
    """`found`, less what another rule's `when` binds to an approval."""
    parts = [found]
    for rule in rules:
        reach = _reach(rule.bounds.get(deltas[0].dimension), deltas)
        if reach is None or rule.approve is None or rule.approve.priced or rule.name == found.rule:
            continue
        for asked in _split(rule, deltas[0].dimension, *reach):
            if not asked.alone:
                parts = [piece for part in parts for piece in _cut(part, asked)]
    return parts


def _cut(part: _Range, asked: _Range) -> list[_Range]:
    if not part.alone or asked.high < part.low or part.high < asked.low:
        return [part]
    pieces = [
        _Range(part.rule, part.low, asked.low - 1, True),
        _Range(part.rule, max(part.low, asked.low), min(part.high, asked.high), False),
        _Range(part.rule, asked.high + 1, part.high, True),
    ]
    return [piece for piece in pieces if piece.low <= piece.high]


def _meet(a: _Range, b: _Range) -> _Range | None:
    low, high = max(a.low, b.low), min(a.high, b.high)
    return _Range(a.rule, low, high, a.alone and b.alone) if low <= high else None


def _within_ceilings(case: DecisionInput, deltas: list[Delta], ranges: list[_Range]) -> list[_Range]:
    caps = [case.snapshot.caps[document.metadata.name].get(deltas[0].dimension) for document in over(case)]
    for cap in caps:
        reach = _reach(cap, deltas) if cap is not None else (0, 2**53 - 1)
        whole = [_Range("", *reach, True)] if reach is not None else []
        ranges = [m for r in ranges for w in whole if (m := _meet(r, w)) is not None]
    return ranges


def _within_budgets(case: DecisionInput, deltas: list[Delta], ranges: list[_Range]) -> list[_Range]:
    """No further from the live values than what is left of every budget of this number."""
    for one in binding(case):
        if one.counted == deltas[0].dimension:
            reach = _reach(Bound(step=left_of(case, one) // len(deltas)), deltas)
            whole = [] if reach is None else [_Range("", *reach, True)]
            ranges = [m for r in ranges for w in whole if (m := _meet(r, w)) is not None]
    return ranges


def _distinct(ranges: list[_Range]) -> list[_Range]:
    """Widest first; what lies within another range that asks for no more is left out."""
    kept: list[_Range] = []
    for r in sorted(ranges, key=lambda r: (not r.alone, r.low - r.high, r.rule)):
        if not any(k.low <= r.low and r.high <= k.high and (k.alone or not r.alone) for k in kept):
            kept.append(r)
    return kept
