"""The obligation `verify`: what a change owes after the write, kept in the log until it is carried out.

The intent's record holds the promise and how the workload was before. Who records that it was applied sets the
integer VERIFY to when the verdict is due; tools.path.verifier gives it then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.record import Record
from policies.claim_keys import VERIFY
from policies.decision import Decision
from policies.types import Claim, Judged
from tools.errors import NeverHappened
from tools.path.context import Context
from tools.path.execution import ExecutionContext
from tools.path.vitals import Vitals, look, vitals_of


@dataclass(frozen=True, slots=True)
class Promise:
    """The workload is judged `after_s` seconds after the write; each metric may reach so much of its value before
    (ppm)."""

    after_s: int
    metrics: Mapping[Judged, int]
    before: Vitals

    @property
    def document(self) -> dict[str, Any]:
        """As the intent's record holds it."""
        return {"after_s": self.after_s, "metrics": dict(self.metrics), "before": self.before.document}


async def promised(context: Context, ctx: ExecutionContext, decision: Decision) -> Promise | None:
    """What the decision demands after the write, with how the workload is now; None where it demands nothing.

    A rollback is not verified: nothing would be left to go back to. Raises NeverHappened where a metric that it
    will be judged by is not known now, and what ClusterReader raises.
    """
    duties = [duty for duty in decision.obligations if duty.kind == "verify"]
    if not duties or not ctx.live or ctx.request.undoes is not None:
        return None
    after_s = max(duty.seconds for duty in duties)
    metrics = {duty.metric: duty.max_ppm for duty in duties if duty.metric is not None}
    before = await look(context, ctx.request.target, after_s, metrics)
    for name, figure in before.metrics.items():
        if figure.v is None:
            raise NeverHappened(
                f"policy wants the change verified by {name}, which is not known now ({figure.missing})",
                where=str(ctx.request.target),
                hint="see flyball metrics check; the rule asks for it under `require`",
                code="verify",
            )
    return Promise(after_s, metrics, before)


def due_claims(intent: Record, now_ms: int) -> tuple[Claim, ...]:
    """For the commit that says that the intent was applied: from now on its verdict is owed."""
    promise = promise_of(intent)
    return (Claim("set", VERIFY.of(intent.id), now_ms + promise.after_s * 1000),) if promise else ()


def promises(intent: Record) -> bool:
    """Whether the intent's record says that something is owed; what it is, `promise_of` tells."""
    return (intent.observation or {}).get("verify") is not None


def promise_of(intent: Record) -> Promise | None:
    """What the intent's record says that it owes."""
    document = (intent.observation or {}).get("verify")
    if document is None:
        return None
    return Promise(document["after_s"], document["metrics"], vitals_of(document["before"]))
