"""A tuning pass: look at each workload, ask the strategy, aim inside the policy, and rehearse each proposal through
the governed path. Nothing is written: what comes of a pass is a plan, and a plan is applied as it was shown."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from pydantic import ValidationError

from agents.errors import StrategyBroken
from agents.request_id import of_step
from agents.tuner.aim import aimed
from agents.tuner.demand import LOWER_S, STEP_S
from agents.tuner.ports import Observer
from agents.tuner.restraints import noted, restrained, takes
from agents.tuner.result import Pass, Row
from agents.tuner.skipped import skip_reason
from agents.tuner.strategy import Observed, Proposal, Strategy, skipped
from audit.clock import Clock
from audit.errors import RecordInvalid
from base.errors import FlyballError
from base.interrupts import interrupted, shield_until_done
from policies.types import Principal
from tools.arguments import ScaleArgs
from tools.cluster_types import Workload
from tools.errors import MetricsUnavailable, ToolError
from tools.metrics.types import Metric
from tools.toolbox.port import Answer, Card, Recorder, Toolbox, TypedCall

SCALE = "scale"
"""The one action that a pass proposes."""


class TunerPass:
    """Proposes the strategy's figure, or the nearest that the gate says it would allow. A refusal is reported, not
    bargained with."""

    def __init__(
        self,
        toolbox: Toolbox,
        observer: Observer,
        recorder: Recorder,
        *,
        strategy: Strategy,
        principal: Principal,
        clock: Clock,
    ) -> None:
        self._toolbox, self._observer, self._recorder = toolbox, observer, recorder
        self._strategy, self._who, self._clock = strategy, principal, clock

    async def run(self, run_id: str, namespace: str) -> Pass:
        """One pass over `namespace`. The same `run_id` again proposes under the same request ids.

        Raises what the first overview read, the strategy and the recorder raise, and MetricsUnavailable where the
        configured source cannot be asked or keeps no history: no other takes its place. Trouble with one workload
        is its row's.
        """
        await self._recorder.run_started(self._who, run_id, self._detail(namespace))
        try:
            rows = await self._rows(run_id, namespace)
        except (FlyballError, asyncio.CancelledError) as e:
            ended = {"error": e.what if isinstance(e, FlyballError) else "interrupted"}
            finished = self._recorder.run_finished(self._who, run_id, ended)
            await shield_until_done(finished, interrupted="answers")
            raise
        done = Pass(run_id, rows)
        await self._recorder.run_finished(self._who, run_id, dict(done.counts()))
        return done

    def _detail(self, namespace: str) -> dict[str, object]:
        by = self._strategy
        named = {"strategy": by.name, "strategy_version": by.version}
        return {"namespace": namespace, **named, **asdict(by.aim)}

    async def _rows(self, run_id: str, namespace: str) -> tuple[Row, ...]:
        found = sorted(await self._observer.workloads(namespace), key=lambda w: w.target.path)
        plan = self._proposed([await self._look(workload) for workload in found])
        for proposal in plan:  # all of them, before anything is asked
            scaling(proposal)
        inside, taken = list[Proposal](), Counter[str]()
        for proposal, workload in zip(plan, found, strict=True):
            inside.append(await self._inside(run_id, proposal, workload, taken))
            taken.update(takes(inside[-1], workload))
        return tuple(await self._rehearsed(run_id, inside))

    async def _look(self, workload: Workload) -> Observed | Proposal:
        """What is to be proposed on, or why nothing is."""
        if why := skip_reason(workload):
            return skipped(workload, why)
        try:
            pods = await self._observer.pods(workload.target)
            cpu = await self._observer.series(workload.target, Metric.CPU_USAGE, LOWER_S, STEP_S)
        except MetricsUnavailable:
            raise
        except (ToolError, RecordInvalid) as e:
            return skipped(workload, "unreadable", e.what)
        return Observed(workload, pods, cpu, self._now_ms())

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

    async def _inside(
        self, run_id: str, found: Proposal, workload: Workload, taken: Mapping[str, int]
    ) -> Proposal:
        """The proposal within what budgets, quotas and policy allow."""
        if found.proposed is None:
            return found
        try:
            known = await self._observer.restraints(workload.target)
        except (ToolError, RecordInvalid) as e:
            return skipped(workload, "unreadable", e.what)
        found = restrained(found, workload, known, taken)
        if (call := self._call(run_id, found)) is not None:
            found = aimed(found, await self._toolbox.room(call, workload))
        return noted(found)

    async def _rehearsed(self, run_id: str, plan: Sequence[Proposal]) -> list[Row]:
        rows: list[Row] = []
        for proposal in plan:
            call = self._call(run_id, proposal)
            rows.append(Row(proposal, None if call is None else await self._tried(call, proposal)))
            if interrupted():  # this one ran to its end; the next does not begin
                raise asyncio.CancelledError
        return rows

    async def _tried(self, call: TypedCall, proposal: Proposal) -> Answer:
        """Whatever keeps one workload from being changed (its lease, the cluster) does not end the pass."""
        try:
            return await self._toolbox.propose(call)
        except (ToolError, RecordInvalid) as e:
            text = json.dumps({"status": "failed", "error": e.what})
            return Answer(Card("failed", f"failed  scale {proposal.target}  {e.what}", text), None)

    def _call(self, run_id: str, proposal: Proposal) -> TypedCall | None:
        """The dry run of a proposal; None where it is none. Raises StrategyBroken."""
        if (args := scaling(proposal)) is None:
            return None
        return TypedCall(
            action=SCALE,
            args=args,
            principal=self._who,
            namespace=proposal.target.namespace,
            mode="dry_run",
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
