"""A leased range: who may ask for it, and what moves inside of it.

The log's integer (claim_keys.ENVELOPE) names the request that leased the newest one or ended it. It is set in the
commit of the intent, so that of two leases one wins, and what moves by an older one loses its claim. Which range is
in force the executor finds in the log, never in the request; everything else of a move is judged as of any action.
"""

from collections.abc import Iterator

from base.instants import utc_text
from policies.claim_keys import ENVELOPE, first_bits
from policies.envelopes import END, MOVED, SET, moves_of, terms_of
from policies.inputs import DecisionInput, Refusal
from policies.lapsed import over
from policies.snapshot import Snapshot, Terms
from policies.types import Claim, Delta, Leased, Request


def keys(_: Snapshot, request: Request, now_ms: int) -> Iterator[str]:
    """The log's integers that concern this request: which envelope is the newest, and how often it moved."""
    if request.action in (SET, END) or request.under is not None:
        yield ENVELOPE.of(request.target.key)
    if request.under is not None:
        yield from moves_of(request.target).keys(now_ms)


def envelope(case: DecisionInput) -> Refusal | None:
    """Of a lease: an agent leases for itself only, and a person for an agent that policy names. Of a request that
    names an envelope: it is a move inside the one in force, or puts its floor back once that is over."""
    request = case.request
    if request.action in (SET, END):
        return _lease(case)
    return None if request.under is None else _under(case)


def _lease(case: DecisionInput) -> Refusal | None:
    request = case.request
    asks, mover = request.principal.agent, request.args.get("agent")
    if asks not in (None, mover):
        return Refusal("envelope", None, f"{asks} leases for itself only, not for {mover}")
    if request.action == SET and mover not in case.snapshot.agents:
        return Refusal("envelope", None, f"{mover} is not an agent of this policy: nobody could move in it")
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
    move = case.seen.deltas[0] if len(case.seen.deltas) == 1 else None
    if move is None or move.dimension not in MOVED or move.before is None or move.after is None:
        return Refusal("envelope", None, f"{case.request.action} is no move inside an envelope")
    case.covered = leased.votes
    if why := over(case):
        return _put_back(case, leased, move, key, why)
    return _move(case, leased, move)


def _put_back(case: DecisionInput, leased: Leased, move: Delta, key: str, why: str) -> Refusal | None:
    """The least number from before the lease, once. Replicas are only raised to it: nobody watches the demand any
    more; an HPA's floor is set to it, since the HPA does."""
    floor, before = leased.floor, move.before or 0
    allowed = {before, floor if move.dimension == "minReplicas" else max(before, floor)}
    if move.after not in allowed:
        return Refusal("envelope", None, f"{why}: only its floor, {floor}, can be put back")
    case.terms = Terms(cooldown_ms=0, moves=1, max_step=None)
    case.claims.append(Claim("set", key, 0))
    return None


def _move(case: DecisionInput, leased: Leased, move: Delta) -> Refusal | None:
    before, after = move.before or 0, move.after or 0
    if not leased.low <= after <= leased.high:
        return Refusal(
            "envelope", None, f"{after} lies outside of the envelope, {leased.low} to {leased.high}"
        )
    case.terms = terms = terms_of(case.snapshot, case.request, case.labels, leased, case.now_ms)
    if terms is None:  # that is a lease that has lapsed: never without the guard's first question
        return Refusal("envelope", None, "policy would not lease this envelope any more")
    if terms.max_step is not None and abs(after - before) > terms.max_step:
        return Refusal("envelope", None, f"envelope.maxStep = {terms.max_step}, not {before} to {after}")
    case.expires_ms = min(case.expires_ms, leased.until_ms)
    return _spend(case, terms.moves) if case.seen.moves else None


def _spend(case: DecisionInput, most: int) -> Refusal | None:
    """The moves of an hour belong to the workload, so that a new envelope brings no new ones."""
    window = moves_of(case.request.target)
    if window.spent(case.values, case.now_ms) >= most:
        at = window.room_ms(case.values, case.now_ms, most - 1)
        why = f"envelope.moves = {most}/h, and as many were made: there is room again at {utc_text(at)}"
        return Refusal("envelope", None, why, retry_ms=at)
    case.claims += window.spend(case.values, case.now_ms, 1, most)
    return None
