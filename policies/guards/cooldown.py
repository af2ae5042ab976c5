"""Time between two changes of one workload."""

from base.instants import next_second
from policies.claim_keys import CHANGED
from policies.evaluate import cooldown_ms
from policies.inputs import DecisionInput, Refusal
from policies.types import Claim


def cooldown(case: DecisionInput) -> Refusal | None:
    """The longest cooldown of the fitting rules, or inside an envelope its own; a rollback is exempt.

    Without one the change is noted all the same, for a rule that has one later. What moves nothing is no change:
    it neither waits nor makes the next one wait (and the path sends nothing of it). What is neutral waits, and makes
    nothing wait: it belongs to the change that follows it.
    """
    if not case.seen.moves:
        return None
    name, now = CHANGED.of(case.request.target.key), case.now_ms
    last = case.values[name]
    gap, rule = (0, None) if case.situation.rollback else _gap(case)
    if last and gap and now - last < gap:
        left = -(-(gap - (now - last)) // 1000)
        why = f"changed {(now - last) // 1000}s ago: wait {left}s more"
        return Refusal("cooldown", rule, why, retry_ms=next_second(last + gap))
    if case.snapshot.is_neutral(case.request.action):
        return None
    if gap:
        case.claims.append(Claim("min_gap", name, now, gap))
    else:
        case.claims.append(Claim("set", name, max(now, last)))
    return None


def _gap(case: DecisionInput) -> tuple[int, str | None]:
    """The time that must lie between, and the rule that says so; inside an envelope that of its own."""
    return cooldown_ms(case.evaluations) if case.terms is None else (case.terms.cooldown_ms, None)
