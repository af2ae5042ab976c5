"""A tuning pass: look at each workload, ask the strategy, and send each proposal through the governed path."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from pydantic import ValidationError

from agents.errors import StrategyBroken
from agents.request_id import of_step
from agents.tuner.ports import Observer
from agents.tuner.skipped import skip_reason
from agents.tuner.strategy import Observed, Proposal, Strategy, skipped
from audit.clock import Clock
from audit.errors import RecordInvalid
from base.errors import FlyballError
from base.interrupts import interrupted, shield_until_done
from policies.types import Mode, Principal
from tools.arguments import ScaleArgs
from tools.cluster_types import Workload
from tools.errors import ToolError
from tools.toolbox.port import Answer, Card, Recorder, Toolbox, TypedCall

SCALE = "scale"
"""The one action that a pass proposes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A proposal and its result; `answer` is None where nothing was proposed, or the pass stopped before it."""

    proposal: Proposal
    answer: Answer | None

    @property
    def card(self) -> Card | None:
        """What a person is shown of the answer."""
        return self.answer.card if self.answer else None

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
    """Proposes the strategy's figure and no other: what of it is allowed is the policy's business, and a refusal
    is reported, not bargained with."""

    def __init__(
        self,
        toolbox: Toolbox,
        observer: Observer,
        recorder: Recorder,
        *,
        strategy: Strategy,
        principal: Principal,
        mode: Mode,
        clock: Clock,
    ) -> None:
        self._toolbox, self._observer, self._recorder = toolbox, observer, recorder
        self._strategy, self._who, self._mode, self._clock = strategy, principal, mode, clock

    async def run(self, run_id: str, namespace: str) -> Pass:
        """One pass over `namespace`. The same `run_id` again proposes under the same request ids.

        Raises what the first overview read, the strategy and the recorder raise; trouble with one workload is its
        row's. Once something is in doubt nothing more is proposed: what the cluster does with a write is not
        known then.
        """
        await self._recorder.run_started(self._who, run_id, self._detail(namespace))
        try:
            rows = await self._rows(run_id, namespace)
        except (FlyballError, asyncio.CancelledError) as e:
            ended = {"error": e.what if isinstance(e, FlyballError) else "interrupted"}
            finished = self._recorder.run_finished(self._who, run_id, ended)
            await shield_until_done(finished, interrupted="answers")
            raise
        done = Pass(run_id, self._mode, rows)
        await self._recorder.run_finished(self._who, run_id, dict(done.counts()))
        return done

    def _detail(self, namespace: str) -> dict[str, object]:
        by = self._strategy
        named = {"strategy": by.name, "strategy_version": by.version}
        return {"namespace": namespace, "mode": self._mode, **named, **asdict(by.aim)}

    async def _rows(self, run_id: str, namespace: str) -> tuple[Row, ...]:
        found = sorted(await self._observer.workloads(namespace), key=lambda w: w.target.path)
        looked = [await self._look(workload) for workload in found]
        return tuple(await self._carry_out(run_id, self._proposed(looked)))

    async def _look(self, workload: Workload) -> Observed | Proposal:
        """What is to be proposed on, or why nothing is."""
        if why := skip_reason(workload):
            return skipped(workload, why)
        try:
            pods = await self._observer.pods(workload.target)
            usage = await self._observer.usage(workload.target)
        except (ToolError, RecordInvalid) as e:
            return skipped(workload, "unreadable", e.what)
        return Observed(workload, pods, usage, self._now_ms())

    def _proposed(self, looked: Sequence[Observed | Proposal]) -> list[Proposal]:
        """A line for each workload, in the order in which they were looked at."""
        observed = [one for one in looked if isinstance(one, Observed)]
        answers = list(self._strategy.propose(observed))
        if [p.target for p in answers] != [one.workload.target for one in observed]:
            what = (
                f"strategy `{self._strategy.name}` did not answer for each workload that it was asked about"
            )
            raise StrategyBroken(what, where=", ".join(str(one.workload.target) for one in observed[:5]))
        left = iter(answers)
        return [one if isinstance(one, Proposal) else next(left) for one in looked]

    async def _carry_out(self, run_id: str, plan: Sequence[Proposal]) -> list[Row]:
        rows: list[Row] = []
        typed = [scaling(proposal) for proposal in plan]  # all of them, before the first is sent
        for proposal, args in zip(plan, typed, strict=True):
            asks = args if all(row.status != "in_doubt" for row in rows) else None
            rows.append(Row(proposal, await self._tried(run_id, proposal, asks) if asks else None))
            if interrupted():  # this write ran to its end; the next does not begin
                raise asyncio.CancelledError
        return rows

    async def _tried(self, run_id: str, proposal: Proposal, args: ScaleArgs) -> Answer:
        """Whatever keeps one workload from being changed (its lease, the cluster) does not end the pass."""
        try:
            return await self._toolbox.propose(self._call(run_id, proposal, args))
        except (ToolError, RecordInvalid) as e:
            text = json.dumps({"status": "failed", "error": e.what})
            return Answer(Card("failed", f"failed  scale {proposal.target}  {e.what}", text), None)

    def _call(self, run_id: str, proposal: Proposal, args: ScaleArgs) -> TypedCall:
        return TypedCall(
            action=SCALE,
            args=args,
            principal=self._who,
            namespace=proposal.target.namespace,
            mode=self._mode,
            request_id=of_step(run_id, SCALE, proposal.target),
            reason=proposal.reason,
            run_id=run_id,
        )

    def _now_ms(self) -> int:
        world = self._clock.world_ms()
        return self._clock.wall_ms() if world is None else world


def scaling(proposal: Proposal) -> ScaleArgs | None:
    """The arguments that carry a proposal out, bound to the replicas that it was made on; None where it is none.

    Raises StrategyBroken for a figure that no workload can have.
    """
    if proposal.proposed is None:
        return None
    target = str(proposal.target)
    try:
        return ScaleArgs(workload=target, replicas=proposal.proposed, current_replicas=proposal.now)
    except ValidationError as e:
        raise StrategyBroken(f"{proposal.proposed!r} is not a number of replicas", where=target) from e
