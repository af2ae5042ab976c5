"""An agent whose session has read untrusted text (events, labels, annotations, logs).

What it asks for may be what that text told it to. The log keeps the world's time of the newest such read
(claim_keys.TAINT), set in the commit that comes before the text is released; so the taint outlives
the process, and a request that does not carry it is tainted all the same. It is never taken back: another
session is clean, and a person who acts by hand always is.
"""

from datetime import UTC, datetime

from policies.claim_keys import TAINT
from policies.evaluate import Evaluation
from policies.inputs import DecisionInput, Refusal, ScreenInput
from policies.types import Claim, Principal, Request


def session_key(principal: Principal) -> str | None:
    """The log's integer of an agent's session; None for a person by hand, who is never tainted."""
    return None if principal.agent is None else TAINT.of(principal.session)


def key(request: Request) -> str | None:
    """That of the session of its principal."""
    return session_key(request.principal)


def tainted(ask: ScreenInput) -> bool:
    """Whether the request says so or the log does."""
    return ask.mark is not None and (ask.request.tainted or ask.values[ask.mark] != 0)


def said(ask: ScreenInput) -> str:
    """Why the request is tainted, in words; with the time of the newest read, where the log has it."""
    at = 0 if ask.mark is None else ask.values[ask.mark]
    when = datetime.fromtimestamp(at / 1000, UTC).strftime(" at %Y-%m-%dT%H:%M:%SZ") if at else ""
    return f"the session has read untrusted text{when}"


def taint_by_names(ask: ScreenInput) -> Refusal | None:
    """Before any read: refuses a tainted write where no rule that matches by names lets such a session write."""
    if not ask.writes or not tainted(ask):
        return None
    for found in ask.evaluations:
        if all(ask.snapshot.rules[name].tainted is None for name in found.matches.allows):
            return _nothing(ask, found)
    return None


def taint(case: DecisionInput) -> Refusal | None:
    """Refuses a tainted change that no fitting rule carries as tainted; a rollback too.

    The mark is claimed as it was seen, so that what is read between decision and commit still counts.
    """
    if case.mark is None:
        return None
    at = case.values[case.mark]
    case.claims.append(Claim("equals", case.mark, at))
    if not (at or case.request.tainted):
        return None
    return next((no for found in case.evaluations if (no := _refused(case, found)) is not None), None)


def _refused(case: DecisionInput, found: Evaluation) -> Refusal | None:
    if found.carrying or found.refusal is not None:  # what the rules refuse is not this guard's to explain
        return None
    if found.too_wide is None:
        return _nothing(case, found)
    rule, detail = found.too_wide
    return Refusal("taint", rule, f"tainted.{detail}: {said(case)}")


def _nothing(ask: ScreenInput, found: Evaluation) -> Refusal:
    """No rule that fits says more of such a session than `deny`."""
    names = [rule.name for rule in found.fitting] or found.matches.allows
    rule = names[0] if names else None
    return Refusal("taint", rule, f"{said(ask)}, and no rule lets {found.who} do this then")
