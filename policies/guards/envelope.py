"""A leased range: who may ask for it, and what moves inside of it.

The log's integer (claim_keys.ENVELOPE) names the request that leased the newest one or ended it. It is set in the
commit of the intent, so that of two leases one wins, and what moves by an older one loses its claim. Which range is
in force the executor finds in the log, never in the request; everything else of a move is judged as of any action.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from base.instants import utc_ms, utc_text
from policies.claim_keys import ENVELOPE, first_bits
from policies.envelopes import END, LEASES, MOVED, TARGET, moves_of, terms_of
from policies.inputs import DecisionInput, Refusal
from policies.lapsed import over
from policies.snapshot import Snapshot, Terms
from policies.types import Claim, Delta, Leased, Request


def keys(_: Snapshot, request: Request, now_ms: int) -> Iterator[str]:
    """The log's integers that concern this request: which envelope is the newest, and how often it moved."""
    if request.action in (*LEASES, END) or request.under is not None:
        yield ENVELOPE.of(request.target.key)
    if request.under is not None:
        yield from moves_of(request.target).keys(now_ms)


def envelope(case: DecisionInput) -> Refusal | None:
    """Of a lease: an agent leases for itself only, and a person for an agent that policy names. Of a request that
    names an envelope: it is a move inside the one in force, or puts its floor back once that is over."""
    request = case.request
    if request.action in (*LEASES, END):
        return _lease(case)
    return None if request.under is None else _under(case)


def _lease(case: DecisionInput) -> Refusal | None:
    request = case.request
    asks, mover = request.principal.agent, request.args.get("agent")
    if asks not in (None, mover):
        return Refusal("envelope", None, f"{asks} leases for itself only, not for {mover}")
    if request.action in LEASES and mover not in case.snapshot.agents:
        return Refusal("envelope", None, f"{mover} is not an agent of this policy: nobody could move in it")
    if request.action in LEASES and (no := _not_put_back(case)) is not None:
        return no
    key = ENVELOPE.of(request.target.key)
    case.claims += [Claim("equals", key, case.values[key]), Claim("set", key, first_bits(request.digest))]
    return None


def _under(case: DecisionInput) -> Refusal | None:
    leased = case.situation.leased
    if leased is None:
        return Refusal("envelope", None, case.situation.not_leased or "no envelope is leased to it")
    key = ENVELOPE.of(case.request.target.key)
    if case.values[key] != leased.mark:
        return Refusal("envelope", None, "the envelope was ended, or another one has taken its place")
    case.claims.append(Claim("equals", key, leased.mark))
    move = _move_of(case.seen.deltas)
    if move is None:
        return Refusal("envelope", None, f"{case.request.action} is no move inside an envelope")
    case.covered = leased.votes
    why = over(case)
    if (no := _aims_elsewhere(leased, move.aim, why)) is not None:
        return no
    return _put_back(case, leased, move, key, why) if why else _move(case, leased, move)


def _not_put_back(case: DecisionInput) -> Refusal | None:
    """The numbers that it has again afterwards are judged now: nobody is there to ask when the time is over."""
    args = case.request.args
    if not isinstance(until := args.get("until"), str):
        return None  # a question that names the range alone
    low, high, floor, guard, target = (
        value if isinstance(value := args.get(name), int) else None
        for name in ("min_replicas", "max_replicas", "floor", "guard_percent", "target_percent")
    )
    asked = Leased(low or 0, high or 0, floor or 0, utc_ms(until), 0, guard=guard, target=target)
    if terms_of(case.snapshot, case.request, case.labels, asked, case.now_ms) is not None:
        return None
    aim = f" and its CPU target {target}%" if guard is not None else ""
    return Refusal(
        "envelope", None, f"afterwards its floor {floor}{aim} would be put back, outside of the rule's limits"
    )


@dataclass(frozen=True, slots=True)
class _Move:
    """What a request under an envelope moves: pods (None: none), and its HPA's CPU target (None: not)."""

    pods: Delta | None
    aim: Delta | None


def _move_of(deltas: Sequence[Delta]) -> _Move | None:
    """None where it moves anything else, or something that is not set."""
    by = {delta.dimension: delta for delta in deltas}
    pods = [by[dimension] for dimension in MOVED if dimension in by]
    if not by or len(by) != len(deltas) or by.keys() - {*MOVED, TARGET} or len(pods) > 1:
        return None
    if any(delta.before is None or delta.after is None for delta in deltas):
        return None
    return _Move(pods[0] if pods else None, by.get(TARGET))


def _aims_elsewhere(leased: Leased, aim: Delta | None, why_over: str) -> Refusal | None:
    """An HPA's CPU target is the leased one, or the one from before; once the lease is over the latter only."""
    if (
        aim is None
        or aim.after in {aim.before, leased.target}
        or (aim.after == leased.guard and not why_over)
    ):
        return None
    back = "none" if leased.target is None else f"{leased.target}%"
    return Refusal("envelope", None, f"a CPU target of {aim.after}% is not leased; to be put back: {back}")


def _put_back(case: DecisionInput, leased: Leased, move: _Move, key: str, why: str) -> Refusal | None:
    """The least number from before the lease, once. Replicas are only raised to it: nobody watches the demand any
    more; an HPA's floor is set to it, since the HPA does."""
    floor, pods = leased.floor, move.pods
    if pods is None:
        return Refusal("envelope", None, f"its floor, {floor}, is to be put back too")
    before = pods.before or 0
    if pods.after not in {before, floor if pods.dimension == "minReplicas" else max(before, floor)}:
        return Refusal("envelope", None, f"{why}: only its floor, {floor}, can be put back")
    case.terms = Terms(cooldown_ms=0, moves=1, max_step=None)
    case.claims.append(Claim("set", key, 0))
    return None


def _move(case: DecisionInput, leased: Leased, move: _Move) -> Refusal | None:
    if move.pods is None and move.aim is not None and move.aim.after == leased.target:
        case.terms = Terms(cooldown_ms=0, moves=1, max_step=None)  # the way back is always open
        return None
    case.terms = terms = terms_of(case.snapshot, case.request, case.labels, leased, case.now_ms)
    if move.pods is not None and (no := _out_of_range(leased, move.pods)) is not None:
        return no
    if terms is None:  # that is a lease that has lapsed: never without the guard's first question
        return Refusal("envelope", None, "policy would not lease this envelope any more")
    if move.pods is not None and (no := _too_far(terms, move.pods)) is not None:
        return no
    case.expires_ms = min(case.expires_ms, leased.until_ms)
    return _spend(case, terms.moves) if case.seen.moves else None


def _out_of_range(leased: Leased, pods: Delta) -> Refusal | None:
    if leased.low <= (pods.after or 0) <= leased.high:
        return None
    return Refusal(
        "envelope", None, f"{pods.after} lies outside of the envelope, {leased.low} to {leased.high}"
    )


def _too_far(terms: Terms, pods: Delta) -> Refusal | None:
    before, after = pods.before or 0, pods.after or 0
    if terms.max_step is None or abs(after - before) <= terms.max_step:
        return None
    return Refusal("envelope", None, f"envelope.maxStep = {terms.max_step}, not {before} to {after}")


def _spend(case: DecisionInput, most: int) -> Refusal | None:
    """The moves of an hour belong to the workload, so that a new envelope brings no new ones."""
    window = moves_of(case.request.target)
    if window.spent(case.values, case.now_ms) >= most:
        at = window.room_ms(case.values, case.now_ms, most - 1)
        why = f"envelope.moves = {most}/h, and as many were made: there is room again at {utc_text(at)}"
        return Refusal("envelope", None, why, retry_ms=at)
    case.claims += window.spend(case.values, case.now_ms, 1, most)
    return None
