"""A tuning pass: look at each workload, propose, and send each proposal down the governed path."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.request_id import of_step
from agents.tuner.plan import Proposal, propose, skip_reason, skipped
from agents.tuner.ports import Observer, RunRecorder
from audit.clock import Clock
from audit.errors import RecordInvalid
from forecasting.hpa.formula import TARGET_PERCENT
from policies.types import Mode, Principal
from tools.errors import ToolError
from tools.ports import Workload
from tools.toolbox.port import Call, Card, Toolbox


@dataclass(frozen=True, slots=True)
class Row:
    """A proposal and what came of it; `card` is None where nothing was proposed, or the pass stopped before it."""

    proposal: Proposal
    card: Card | None

    @property
    def status(self) -> str:
        """The card's status; else `kept` where the formula changes nothing, `skipped` where it was not asked,
        `not_tried` where the pass stopped before it."""
        if self.card is not None:
            return self.card.status
        if self.proposal.proposed is not None:
            return "not_tried"
        return "skipped" if self.proposal.cpu is None else "kept"


@dataclass(frozen=True, slots=True)
class Pass:
    """One whole pass, in the order in which it looked (by namespace, kind and name)."""

    run_id: str
    mode: Mode
    rows: tuple[Row, ...]

    def counts(self) -> Mapping[str, int]:
        """How many workloads ended how, by status."""
        return dict(sorted(Counter(row.status for row in self.rows).items()))


class TunerPass:
    """Scales what stands outside of the HPA's tolerance. It proposes the formula's figure and no other:
    what of it is allowed is the policy's business, and a refusal is reported, not bargained with."""

    def __init__(
        self,
        toolbox: Toolbox,
        observer: Observer,
        recorder: RunRecorder,
        *,
        principal: Principal,
        mode: Mode,
        clock: Clock,
        target_percent: int = TARGET_PERCENT,
    ) -> None:
        self._toolbox, self._observer, self._recorder = toolbox, observer, recorder
        self._principal, self._mode, self._clock, self._target = principal, mode, clock, target_percent

    async def run(self, run_id: str, namespace: str) -> Pass:
        """One pass over `namespace`. The same `run_id` again proposes under the same request ids.

        Raises what the first overview read and the log raise; trouble with one workload is its row's. Once
        something is in doubt nothing more is proposed: what the cluster does with a write is not known then.
        """
        await self._recorder.started(run_id, self._detail(namespace))
        try:
            rows = await self._rows(run_id, namespace)
        except ToolError as e:
            await self._recorder.finished(run_id, {"error": e.what})
            raise
        done = Pass(run_id, self._mode, rows)
        await self._recorder.finished(run_id, dict(done.counts()))
        return done

    def _detail(self, namespace: str) -> dict[str, object]:
        return {
            "namespace": namespace,
            "mode": self._mode,
            "target_percent": self._target,
            "formula": "hpa-cpu",
        }

    async def _rows(self, run_id: str, namespace: str) -> tuple[Row, ...]:
        found = sorted(await self._observer.workloads(namespace), key=lambda w: w.target.path)
        plan = [await self._propose(workload) for workload in found]
        return tuple(await self._carry_out(run_id, plan))

    async def _propose(self, workload: Workload) -> Proposal:
        if why := skip_reason(workload):
            return skipped(workload, why)
        try:
            pods = await self._observer.pods(workload.target)
            usage = await self._observer.usage(workload.target)
        except (ToolError, RecordInvalid) as e:
            return skipped(workload, "unreadable", e.what)
        return propose(workload, pods, usage, target=self._target, now_ms=self._now_ms())

    async def _carry_out(self, run_id: str, plan: Sequence[Proposal]) -> list[Row]:
        rows: list[Row] = []
        for proposal in plan:
            stopped = any(row.status == "in_doubt" for row in rows)
            asks = proposal.proposed is not None and not stopped
            rows.append(Row(proposal, await self._tried(run_id, proposal) if asks else None))
        return rows

    async def _tried(self, run_id: str, proposal: Proposal) -> Card:
        """Whatever keeps one workload from being changed (its lease, the cluster) does not end the pass."""
        try:
            return await self._send(run_id, proposal)
        except (ToolError, RecordInvalid) as e:
            text = json.dumps({"status": "failed", "error": e.what})
            return Card("failed", f"failed  scale {proposal.target}  {e.what}", text)

    async def _send(self, run_id: str, proposal: Proposal) -> Card:
        arguments = {
            "workload": str(proposal.target),
            "replicas": proposal.proposed,
            "current_replicas": proposal.now,
        }
        return await self._toolbox.call(
            Call(
                name="scale",
                arguments=json.dumps(arguments),
                principal=self._principal,
                namespace=proposal.target.namespace,
                mode=self._mode,
                request_id=of_step(run_id, "scale", proposal.target),
                reason=proposal.reason,
                run_id=run_id,
            )
        )

    def _now_ms(self) -> int:
        world = self._clock.world_ms()
        return self._clock.wall_ms() if world is None else world
