"""One pass of the sentinel on an opened installation: every front end calls this, none builds its own.

It reads as the agent `sentinel` of the policy, so that what may not be read is not, and so that what was looked at is
recorded as any read: one record a metric and namespace. Findings are recorded when they begin and when they end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from flyball.exits import UsageError
from policies.types import AgentName, Principal, Scope

if TYPE_CHECKING:
    from agents.sentinel.advice import Advice
    from agents.sentinel.checks import Checked, Seen
    from flyball.wiring import App
    from policies.kinds import AgentSpec
    from tools.findings.types import OpenFinding
    from tools.path.outcome import Refused

SENTINEL: AgentName = "agent:sentinel"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a pass saw: how many workloads, how many checks of theirs said nothing for want of figures, and the
    records of what it opened and resolved."""

    run_id: str
    workloads: int
    unknown: int
    opened: tuple[int, ...]
    resolved: tuple[int, ...]


async def look_once(app: "App") -> Looked:
    """One pass. Raises UsageError where policy names no sentinel, and what the lists of workloads raise: then nothing
    is opened or resolved."""
    from agents.sentinel.look import look

    spec = await _spec(app)
    run_id = f"sentinel-{app.context.now_ms()}"
    namespaces = _namespaces(app, spec)
    who = _principal(app, namespaces, run_id)
    seen = await look(app.toolbox.reads(who, run_id), namespaces, objective_ppm(app.settings["slo"]))
    found = [(one, workload.seen) for workload in seen for one in workload.checked]
    opened, resolved = await _Pass(app, who, run_id).told(found, namespaces)
    unknown = sum(one.foreseen.state == "unknown" for one, _ in found)
    return Looked(run_id, len(seen), unknown, tuple(opened), tuple(resolved))


class _Pass:
    """Compares what is concluded with what is open by the log."""

    def __init__(self, app: "App", who: Principal, run_id: str) -> None:
        from tools.findings.findings import Findings

        self._app, self._who, self._run = app, who, run_id
        self._findings = Findings(app.context)

    async def told(
        self, found: "Sequence[tuple[Checked, Seen]]", namespaces: Sequence[str]
    ) -> tuple[list[int], list[int]]:
        """The records of what was opened, and of what was resolved."""
        before = {(o.finding.what, o.finding.target): o for o in await self._findings.opened()}
        opened, resolved = list[int](), list[int]()
        for one, seen in found:
            known = before.pop((one.what, one.target), None)
            if known is None and one.foreseen.state == "open":
                opened += await self._open(one, seen)
            elif known is not None and one.foreseen.state == "clear":
                resolved += await self._resolve(known, "it is no longer so")
        listed = {seen.workload.target for _, seen in found}
        for known in before.values():
            where = known.finding.target
            if where not in listed and where.namespace in namespaces:
                resolved += await self._resolve(known, "the workload is gone, or no longer to be seen")
        return opened, resolved

    async def _open(self, one: "Checked", seen: "Seen") -> list[int]:
        from agents.sentinel.advice import advice, kept
        from agents.sentinel.words import said
        from tools.findings.types import Finding

        helps = advice(one, seen, await self._claims(one))
        tried, refused = await self._tried(one, helps)
        if refused is not None and (why := await self._kept(one, seen, helps, refused)):
            helps = kept(helps, one.target, why)
        figures = dict(one.foreseen.figures)
        finding = Finding(one.what, one.target, said(one), figures, helps.reason, helps.command, tried)
        entry = await self._findings.open(finding, self._who, self._run)
        return [entry.seq] if entry else []

    async def _claims(self, one: "Checked") -> tuple[str, ...]:
        """Which claims its pods mount, where that is asked; none where its pods may not be seen."""
        from tools.errors import ToolError

        if one.what != "disk":
            return ()
        try:
            pods = await self._app.toolbox.reads(self._who, self._run).pods(one.target)
        except ToolError:
            return ()
        return tuple(sorted({claim for pod in pods for claim in pod.claims}))

    async def _resolve(self, known: "OpenFinding", why: str) -> list[int]:
        entry = await self._findings.resolve(known, self._who, self._run, why)
        return [entry.seq] if entry else []

    async def _tried(self, one: "Checked", helps: "Advice") -> "tuple[str, Refused | None]":
        """How a dry run of the advice ends, through the governed path, and its refusal where it was one; empty where
        there is no action."""
        from agents.request_id import of_step
        from tools.actions import registry
        from tools.errors import ToolError
        from tools.path.outcome import Refused
        from tools.toolbox.port import TypedCall

        if helps.action is None:
            return "", None
        call = TypedCall(
            action=helps.action,
            args=registry.parse(registry.action(helps.action).args, helps.args),
            principal=self._who,
            namespace=one.target.namespace,
            mode="dry_run",
            request_id=of_step(self._run, one.what, one.target),
            reason=f"foreseen: {one.what}",
            run_id=self._run,
        )
        try:
            answer = await self._app.toolbox.propose(call)
        except ToolError as e:
            return f"failed  {e.what}", None
        return answer.card.line, answer.result if isinstance(answer.result, Refused) else None

    async def _kept(self, one: "Checked", seen: "Seen", helps: "Advice", refused: "Refused") -> str:
        """Why nobody here may do it: a command that is refused is no advice. Empty where the person of this machine
        may, though the sentinel may not."""
        from policies.questions import Question, judge

        if refused.stage == "ownership":
            return refused.detail
        snapshot = (await self._app.context.gate()).snapshot
        asker, labels = self._app.identity.by_hand(), seen.workload.labels
        now = self._app.context.now_ms()
        asked = Question("local", helps.action or "", one.target, {}, labels=labels, asker=asker, at_ms=now)
        by_hand = judge(snapshot, asked)
        return by_hand.detail if by_hand.verdict == "deny" else ""


async def _spec(app: "App") -> "AgentSpec":
    agents = (await app.context.gate()).snapshot.agents
    if SENTINEL not in agents:
        known = ", ".join(sorted(agents)) or "none"
        raise UsageError(f"policy names no `{SENTINEL}`", hint=f"agents: {known}")
    return agents[SENTINEL].spec


def _namespaces(app: "App", spec: "AgentSpec") -> tuple[str, ...]:
    """Those that its Agent file's scope names one by one; else the installation's."""
    named = spec.scope.namespaces if spec.scope else ()
    return tuple(n for n in named if "*" not in n) or (app.place.namespace,)


def _principal(app: "App", namespaces: tuple[str, ...], run_id: str) -> Principal:
    actions = app.scope().actions
    task = Scope(clusters=(app.place.context,), namespaces=namespaces, actions=actions)
    return app.identity.agent(SENTINEL, task, run_id)


def objective_ppm(text: str) -> int:
    """The setting `slo`, in millionths. Raises UsageError."""
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal(0)
    if not (share.is_finite() and 0 < share < 1 and share * 1_000_000 % 1 == 0):
        hint = "the share of requests that shall succeed, such as 0.999"
        raise UsageError(f"`{text[:40]}` is no objective", where="slo", hint=hint)
    return int(share * 1_000_000)
