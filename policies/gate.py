"""The gate: may this request be carried out now? Pure: it writes nothing, it returns what must be claimed.

Any exception inside is a deny, and so is everything that no rule allows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from policies.claim_keys import ATTEMPT, CHANGED, CLOCK, FENCE, NONCE, POLICY_EPOCH
from policies.counting import Counting, counting
from policies.decision import Decision, VerdictKind
from policies.evaluate import Evaluation, obligations
from policies.guards import GUARD_KEYS, GUARDS, IDENTITY_GUARDS, PRE_READ_GUARDS, READ
from policies.guards.approval import may_vote
from policies.guards.autonomy import keys as level_keys
from policies.guards.blast_radius import wanted as radius_wanted
from policies.guards.kill_switch import keys as switch_keys
from policies.guards.quiet import wanted as quiet_wanted
from policies.guards.taint import key as taint_key
from policies.guards.taint import said, tainted
from policies.headroom import headroom_of
from policies.inputs import DecisionInput, Refusal, ScreenInput
from policies.patterns import UNSEEN
from policies.permit import mint_permit
from policies.snapshot import Snapshot
from policies.types import Approval, Claim, Observation, Principal, Request, Situation

MAX_LIFE_MS = 60_000
"""A decision is acted on within this time, or made again."""

ENVELOPE_RIGHT = "the envelope"
"""What carries a floor that is put back where no rule says anything (policies.lapsed)."""
_DUTIES = frozenset({"dryRun", "verify"})


class Gate:
    """Decides by one snapshot. Safe to share between threads.

    Ended role bindings are dropped by swapping the snapshot for its `as_of` (one reference, never in place).
    `problem` is why the files that there are now are not what decides; each refusal says it too.
    """

    def __init__(self, snapshot: Snapshot, problem: str = "") -> None:
        self._snapshot, self.problem = snapshot, problem

    @property
    def snapshot(self) -> Snapshot:
        """The policy that decides."""
        return self._snapshot

    def as_of(self, now_ms: int) -> "Gate":
        """Itself, without the role bindings that have ended by then: who asks it outside of `screen` and `decide`
        (which look at the time themselves) asks for this first."""
        self._at(now_ms)
        return self

    def keys(self, request: Request, now_ms: int) -> tuple[str, ...]:
        """The log's integers that `screen` and `decide` want in `values`, all of one look at the log; budgets want
        those of the time around `now_ms`."""
        mark = taint_key(request)
        counted = (key for keys in GUARD_KEYS for key in keys(self._snapshot, request, now_ms))
        writes = self._snapshot.writes(request.action)
        return (
            *switch_keys(request),
            *level_keys(request.principal.agent),
            POLICY_EPOCH.of(request.target.cluster),
            CLOCK.of(request.target.cluster),
            CHANGED.of(request.target.key),
            *(() if mark is None else (mark,)),
            *(dict.fromkeys(counted) if writes else ()),
        )

    def counting(self, request: Request, now_ms: int) -> Counting | None:
        """Those of `keys` that add up what was done before, and since when; None where policy counts nothing."""
        return counting(self._snapshot, request, now_ms) if self._snapshot.writes(request.action) else None

    def looks(self, request: Request) -> frozenset[str]:
        """What a write's guards must know beside the object: `peers`, `alerts`, `rollouts` (see Observation)."""
        found = quiet_wanted(self._snapshot, request)
        return found | {"peers"} if radius_wanted(self._snapshot, request) else found

    def screen(self, request: Request, *, now_ms: int, values: Mapping[str, int]) -> Decision:
        """By names only, before any read: what a label may still decide passes here, and meets `decide`."""
        try:
            return self.explained(self._screen(request, now_ms, values))
        except Exception as error:  # noqa: BLE001 - whatever fails in here is a deny
            return _failed(self._snapshot, request, error)

    def decide(
        self, request: Request, seen: Observation, approvals: Sequence[Approval], situation: Situation
    ) -> Decision:
        """The whole order, on what was seen. A permit and claims on `allow` only.

        For a reading action (whose observation has no deltas) only who, names and labels are asked, and
        neither permit nor spending claims come back.
        In mode `dry_run` a needed approval does not hold the rehearsal up: the verdict is `allow`, and
        `approvals` lists what the live request would need; claims are returned all the same.
        """
        try:
            return self.explained(self._decide(request, seen, approvals, situation))
        except Exception as error:  # noqa: BLE001 - whatever fails in here is a deny
            return _failed(self._snapshot, request, error)

    def explained(self, decision: Decision) -> Decision:
        """The decision; a refusal with the problem of the policy's files, where there is one."""
        if not self.problem or decision.verdict is not VerdictKind.DENY:
            return decision
        told = f"{decision.detail}; the policy files are not in force: {self.problem}"
        return replace(decision, detail=told)

    def vote_refused(
        self, request: Request, voter: Principal, needs: Sequence[Mapping[str, object]]
    ) -> str | None:
        """Why this person's vote would count for none of `needs` (each with `role` and `local`); None if it may."""
        person = voter.on_behalf_of
        if voter.agent is not None or person is None:
            return "only a person votes"
        for need in needs:
            role, local = str(need["role"]), need["local"] is True
            if may_vote(self._snapshot, request, role, local, person, voter.groups):
                return None
        wanted = ", ".join(dict.fromkeys(str(need["role"]) for need in needs))
        return f"{person} may not approve this: it takes {wanted or 'nobody'}, and not the one who asks"

    def _screen(self, request: Request, now_ms: int, values: Mapping[str, int]) -> Decision:
        ask = self.screen_input(request, now_ms, values)
        for guard in PRE_READ_GUARDS:
            refusal = guard(ask)
            if refusal is not None:
                return _deny(ask, refusal)
        return _answer(ask, VerdictKind.ALLOW, stage="screen", rule=None, detail="allowed by names")

    def screen_input(self, request: Request, now_ms: int, values: Mapping[str, int]) -> ScreenInput:
        """What the guards by names are asked about; `explain` asks them all."""
        snapshot = self._at(now_ms)
        writes = snapshot.writes(request.action)
        return ScreenInput(snapshot, request, now_ms, values, UNSEEN, writes, mark=taint_key(request))

    def _decide(
        self, request: Request, seen: Observation, approvals: Sequence[Approval], situation: Situation
    ) -> Decision:
        case = self.decision_input(request, seen, approvals, situation)
        refusal = first_refusal(case)
        if refusal is not None:
            return _deny(case, refusal)
        if not case.writes:
            return _answer(
                case, VerdictKind.ALLOW, stage="allowed", rule=_carrying(case), detail="may be read"
            )
        if case.pending and request.mode != "dry_run":
            case.headroom = headroom_of(case)
            return _pending(case)
        return _allow(case)

    def decision_input(
        self, request: Request, seen: Observation, approvals: Sequence[Approval], situation: Situation
    ) -> DecisionInput:
        """What the guards are asked about; `explain` asks them all."""
        snapshot = self._at(situation.now_ms)
        return DecisionInput(
            snapshot,
            request,
            situation.now_ms,
            situation.values,
            seen.labels,
            snapshot.writes(request.action),
            expires_ms=situation.now_ms + MAX_LIFE_MS,
            mark=taint_key(request),
            seen=seen,
            approvals=approvals,
            situation=situation,
        )

    def _at(self, now_ms: int) -> Snapshot:
        snapshot = self._snapshot
        if now_ms >= snapshot.valid_until_ms:
            self._snapshot = snapshot = snapshot.as_of(now_ms)
        return snapshot


def first_refusal(case: DecisionInput) -> Refusal | None:
    """The first guard's no, in their order."""
    guards: tuple[Callable[[DecisionInput], Refusal | None], ...] = (
        (*IDENTITY_GUARDS, *GUARDS) if case.writes else READ
    )
    for guard in guards:
        refusal = guard(case)
        if refusal is not None:
            if refusal.stage in ("limits", "ceiling", "taint", "budget"):
                case.headroom = headroom_of(case)
            return refusal
    return None


def _allow(case: DecisionInput) -> Decision:
    """Everything holds: obligations, claims, a permit."""
    request, situation = case.request, case.situation
    duties = obligations(case.evaluations)
    if duties and any(duty.kind not in _DUTIES for duty in duties):
        return _deny(
            case, Refusal("obligation", None, "a rule asks for something that this gate does not know")
        )
    case.expires_ms = min(case.expires_ms, case.snapshot.valid_until_ms)
    lease, token = situation.lease
    case.claims += [
        Claim("once", ATTEMPT.of(f"{request.id}/{situation.attempt}")),
        Claim("once", NONCE.of(situation.nonce)),
        Claim("raise", FENCE.of(lease), token),
    ]
    carrying = _carrying(case)
    detail = f"allowed by {carrying}"
    if case.pending:
        detail += "; live it needs an approval"
    return _answer(
        case,
        VerdictKind.ALLOW,
        stage="allowed",
        rule=carrying,
        detail=detail,
        obligations=duties,
        approvals=case.needs,
        permit=mint_permit(request, case.seen, situation, case.expires_ms),
    )


def _carrying(case: DecisionInput) -> str:
    """The first carrying rule by name that needs no price paid, else the first; the lease where no rule speaks."""
    carrying = case.evaluations[0].carrying
    if not carrying:
        return ENVELOPE_RIGHT
    for rule in carrying:
        if rule.approve is None or not rule.approve.priced:
            return rule.name
    return carrying[0].name


def _pending(case: DecisionInput) -> Decision:
    case.claims = []
    who = ", ".join(f"{need.count} of {need.role}" for need in case.pending)
    return _answer(
        case,
        VerdictKind.NEEDS_APPROVAL,
        stage="approval",
        rule=case.pending[0].rule,
        detail=f"needs approval: {who}" + (f"; {said(case)}" if tainted(case) else ""),
        approvals=case.pending,
        headroom=case.headroom,
    )


def _deny(ask: ScreenInput, refusal: Refusal) -> Decision:
    ask.claims = []
    headroom = ask.headroom if isinstance(ask, DecisionInput) else ()
    return _answer(
        ask,
        VerdictKind.DENY,
        stage=refusal.stage,
        rule=refusal.rule,
        detail=refusal.detail,
        headroom=headroom,
        retry_ms=refusal.retry_ms,
    )


def _answer(ask: ScreenInput, verdict: VerdictKind, **parts: object) -> Decision:
    return Decision(
        verdict=verdict,
        request_digest=ask.request.digest,
        policy_digest=ask.snapshot.digest,
        matched=_matched(ask.evaluations),
        claims=tuple(ask.claims),
        expires_ms=ask.expires_ms,
        **parts,  # type: ignore[arg-type]
    )


def _matched(evaluations: Sequence[Evaluation]) -> tuple[str, ...]:
    """Every rule that matched for any of the principals, by name."""
    names = [found for e in evaluations for found in (e.matches.allows, e.matches.denies) if found]
    first = names[0] if names else ()
    if all(found == first for found in names):
        return first
    return tuple(sorted({name for found in names for name in found}))


def _failed(snapshot: Snapshot, request: Request, error: Exception) -> Decision:
    """Nothing that goes wrong in here lets anything through."""
    digest = request.__dict__.get("digest", "") if isinstance(request, Request) else ""
    detail = f"the gate failed: {type(error).__name__}: {error}"[:400]
    return Decision(VerdictKind.DENY, "error", None, detail, digest, snapshot.digest)
