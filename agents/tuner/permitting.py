"""Policy is asked about what was chosen before it is proposed: where it would refuse that in any form, the next best
is taken, and where there is none, nothing.

Only what would be proposed is asked about, and of one workload each sort of change that no rule allows but once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agents.tuner.aim import aimed
from agents.tuner.change import Change
from agents.tuner.choice import Barred, Choice, Slate
from agents.tuner.proposal import Proposal
from policies.types import Target
from tools.cluster_types import Workload
from tools.toolbox.port import Room, Toolbox, TypedCall


@dataclass(frozen=True, slots=True)
class Permitting:
    """`call` makes the dry run of a proposal's change. What was answered is kept for the pass."""

    toolbox: Toolbox
    choice: Choice
    call: Callable[[Proposal, Change], TypedCall]
    answers: dict[tuple[Target, Change], Room] = field(default_factory=dict)

    async def chosen(self, slate: Slate) -> Proposal:
        """The best that policy may allow. Raises ArgumentsInvalid, UnknownTool, LogUnavailable."""
        barred, workload, first = Barred(), slate.observed.workload, None
        while True:
            found = self.choice.take(slate.without(barred))
            if found.change is None:
                return found if first is None else replace(first, alternatives=found.alternatives)
            inside = await self.inside(found, workload)
            if inside.change is not None:
                ties = [tie for tie in found.ties if (await self.inside(tie, workload)).change is not None]
                return replace(found, ties=tuple(ties))
            first = first or inside
            room = await self._room(found, found.change, workload)
            barred.add(found.change, whole_sort=room.outright)

    async def inside(self, found: Proposal, workload: Workload) -> Proposal:
        """The proposal as policy allows it, or kept with its words: what comes first has to be allowed as well.
        Raises what `chosen` raises."""
        if found.change is None:
            return found
        if found.change.first is not None:
            first = await self._room(found, found.change.first, workload)
            if first.refused:
                return found.kept("policy-keeps-it", first.refused)
        return aimed(found, await self._room(found, found.change, workload))

    async def _room(self, found: Proposal, change: Change, workload: Workload) -> Room:
        """What the gate says of it, asked once a pass."""
        about = found.target, change
        if about not in self.answers:
            self.answers[about] = await self.toolbox.room(self.call(found, change), workload)
        return self.answers[about]
