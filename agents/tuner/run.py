"""A tuning pass: look at each workload, ask the strategies, choose, aim inside the policy, and try each proposal as a
dry run through the governed path. Nothing is written: what comes of it is a plan, applied as it was shown."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from agents.request_id import of_step
from agents.tuner.asking import Asked, ask
from agents.tuner.change import Change
from agents.tuner.choice import Choice, FirstChange, Slate
from agents.tuner.look import HIDDEN, Looker, Unread, batches, each_namespace, joined
from agents.tuner.permitting import Permitting
from agents.tuner.ports import Adviser, Alone, Knowledge, Nothing, Observer
from agents.tuner.proposal import Proposal, skipped
from agents.tuner.remit import Remit
from agents.tuner.restraints import noted, restrained, takes
from agents.tuner.result import Pass, Row
from agents.tuner.strategy import Observed, Strategy
from agents.tuner.weighing import weighing
from audit.clock import Clock
from audit.errors import RecordInvalid
from base.errors import FlyballError
from base.interrupts import interrupted, shield_until_done
from policies.types import Principal
from tools.cluster_types import Restraints, Workload
from tools.errors import ToolError
from tools.toolbox.port import Answer, Card, Recorder, Toolbox, TypedCall, Weighing

FIRST_CHANGE, NOTHING, ALONE = FirstChange(), Nothing(), Alone()


BATCH = 256
"""Workloads that are looked at and weighed together, whole namespaces where they fit: the past of ten thousand would
not fit into memory, and a question about figures is one about namespaces."""


class TunerPass:
    """Proposes what the choice among the strategies' candidates comes to, or the nearest that the gate says it would
    allow. A refusal is reported, not bargained with."""

    def __init__(
        self,
        toolbox: Toolbox,
        observer: Observer,
        recorder: Recorder,
        *,
        strategies: Sequence[Strategy],
        principal: Principal,
        clock: Clock,
        choice: Choice = FIRST_CHANGE,
        knowledge: Knowledge = NOTHING,
        adviser: Adviser = ALONE,
    ) -> None:
        self._toolbox, self._recorder, self._observer = toolbox, recorder, observer
        self._strategies, self._choice, self._adviser = strategies, choice, adviser
        self._who, self._clock = principal, clock
        self._looker = Looker(observer, joined([choice.reads, *(s.reads for s in strategies)]), knowledge)

    async def run(self, run_id: str, remit: Remit) -> Pass:
        """One pass over what it is about. The same `run_id` again proposes under the same request ids.

        Raises what the first overview read, the strategies and the recorder raise, and MetricsUnavailable where the
        configured source cannot be asked or keeps no history: no other takes its place. Trouble with one workload
        is its row's.
        """
        await self._recorder.run_started(self._who, run_id, self._detail(remit))
        try:
            rows = await self._rows(run_id, remit)
        except (FlyballError, asyncio.CancelledError) as e:
            ended = {"error": e.what if isinstance(e, FlyballError) else "interrupted"}
            finished = self._recorder.run_finished(self._who, run_id, ended)
            await shield_until_done(finished, interrupted="answers")
            raise
        done = Pass(run_id, rows)
        await self._recorder.run_finished(self._who, run_id, dict(done.counts()))
        return done

    def _detail(self, remit: Remit) -> dict[str, object]:
        by = {one.name: one.version for one in self._strategies}
        aim = asdict(self._strategies[0].aim)
        return {"namespaces": list(remit.namespaces), "strategies": by, "choice": self._choice.name, **aim}

    async def _rows(self, run_id: str, remit: Remit) -> tuple[Row, ...]:
        listed = [w for name in remit.namespaces for w in await self._observer.workloads(name)]
        found = sorted(filter(remit.selects, listed), key=lambda w: w.target.path)
        permitting = Permitting(self._toolbox, self._choice, lambda of, to: self._typed(run_id, of, to))
        chosen = list[Proposal]()
        for some in batches(found, BATCH):
            looked = await self._looker.look(some, self._now_ms())
            slates = await asyncio.to_thread(self._weighed, looked)  # seconds of arithmetic: others go on
            chosen += [await permitting.chosen(one) if isinstance(one, Slate) else one for one in slates]
        plan = await self._adviser.advised(self._who, run_id, chosen)
        changed = [w for p, w in zip(plan, found, strict=True) if p.change is not None]
        trouble = (ToolError, RecordInvalid)
        known = await each_namespace(changed, self._observer.fleet_restraints, trouble)
        inside, taken = list[Proposal](), defaultdict[str | None, Counter[str]](Counter)
        for proposal, workload in zip(plan, found, strict=True):
            of_namespace, bounds = taken[workload.target.namespace], known.get(workload.target, HIDDEN)
            inside.append(await self._inside(permitting, proposal, workload, bounds, of_namespace))
            of_namespace.update(takes(inside[-1], workload))
        await self._recorder.weighed(self._who, run_id, [Weighing(p.target, weighing(p)) for p in inside])
        return tuple(await self._rehearsed(run_id, inside, remit))

    def _weighed(self, looked: Sequence[Observed | Proposal]) -> list[Slate | Proposal]:
        """A line for each workload, in the order in which they were looked at."""
        asked = ask(self._strategies, looked)
        ready = [one for one in asked if isinstance(one, Asked)]
        slates = iter(self._choice.weigh([a.observed for a in ready], [a.candidates for a in ready]))
        return [next(slates) if isinstance(one, Asked) else one for one in asked]

    async def _inside(
        self,
        permitting: Permitting,
        found: Proposal,
        workload: Workload,
        known: Restraints | Unread,
        taken: Mapping[str, int],
    ) -> Proposal:
        """The proposal within what budgets, quotas and policy allow."""
        if found.change is None:
            return found
        if isinstance(known, Unread):
            return skipped(workload, "unreadable", known.why)
        return noted(await permitting.inside(restrained(found, workload, known, taken), workload))

    async def _rehearsed(self, run_id: str, plan: Sequence[Proposal], remit: Remit) -> list[Row]:
        rows: list[Row] = []
        for proposal in plan:
            change = proposal.change if remit.tries(proposal.target) else None
            call = None if change is None else self._typed(run_id, proposal, change)
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
            return Answer(Card("failed", f"failed  {call.action} {proposal.target}  {e.what}", text), None)

    def _typed(self, run_id: str, proposal: Proposal, change: Change) -> TypedCall:
        """The dry run of a proposal's change."""
        return TypedCall(
            action=change.action,
            args=change.args,
            principal=self._who,
            namespace=proposal.target.namespace,
            mode="dry_run",
            request_id=of_step(run_id, change.action, proposal.target),
            reason=proposal.reason,
            run_id=run_id,
            strategy=proposal.strategy or None,
            expects=proposal.expects,
        )

    def _now_ms(self) -> int:
        world = self._clock.world_ms()
        return self._clock.wall_ms() if world is None else world
