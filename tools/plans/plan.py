"""What a plan is: requests in their order, each as it was seen and judged when it was planned, under one digest.

The digest covers every step (its request, the view it was planned on, its diff, what the gate said), who it is
for, the cluster, and until when it holds. What was reviewed is what is applied.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from policies.claim_keys import PLAN, first_bits
from policies.types import Principal, Request, Scalar, Wire, digest_of
from tools.cluster.names import target
from tools.errors import ArgumentsInvalid, ToolError
from tools.path.outcome import Result

LIFE_MS = 86_400_000
"""For so long a plan can be applied; for its votes less, as their rules say."""

MAX_STEPS = 1_000

LATER = "judged at its turn, on what the steps before it leave"

PlanVerdict = Literal["allow", "needs_approval", "deny", "later"]
"""What the gate said at planning. `later`: it undoes what is under an earlier step, and is judged at its turn."""

StepStatus = Literal[
    "applied", "in_part", "unchanged", "simulated", "refused", "waiting", "failed", "in_doubt", "unavailable",
    "excluded", "not_tried",
]  # fmt: skip
"""How a step ended. `in_part`: some of its pods were written; `unchanged`: it was so already; `waiting` for votes;
`unavailable`: cluster or log could not be asked, nothing was sent."""

StopOn = Literal["doubt", "failure", "refusal"]
"""What ends an application early; each includes those before it. In doubt, and away, end it always."""


class NoSuchPlan(ArgumentsInvalid):
    """The handle names no plan that can be applied, or more than one."""


class PlanRefused(ToolError):
    """This person, or this process, may not carry the plan out."""

    effect = "refused"


class PlanStep(Wire):
    """One request of a plan. `view_digest` is None where policy refused it by names, or it is judged later."""

    number: int
    request: Request
    view_digest: str | None
    diff: str
    verdict: PlanVerdict
    stage: str
    rule: str | None
    detail: str
    needs: tuple[dict[str, Scalar], ...] = ()
    """Who must agree: rule, role, count, local, expires_s (see ApprovalNeed)."""
    policy: str = ""
    """The digest of the policy that said so; empty where the gate was not asked, and in older logs."""
    stands_on: int = 0
    """The number of the step that is done first and put back where this one is not done then; 0: of none."""

    @property
    def chain(self) -> tuple[str, str]:
        """Steps with the same one stand on each other."""
        return self.request.target.key, self.request.tool

    @property
    def sealed(self) -> list[object]:
        """What the plan's digest covers of it; the session, too, is covered: it is the plan's own."""
        said = [self.verdict, self.stage, self.rule, self.detail, list(self.needs)]
        by = [self.policy] if self.policy else []  # a plan of an older log keeps its digest
        on = [{"stands_on": self.stands_on}] if self.stands_on else []  # likewise
        return [self.number, self.request.digest, self.view_digest, self.diff, *said, *by, *on]


class Plan(Wire):
    """What was proposed. `at_ms` and `expires_ms` are the world's Unix ms, `run_id` that of its actions."""

    id: str
    principal: Principal
    reason: str
    run_id: str
    cluster: str
    cluster_uid: str
    at_ms: int
    expires_ms: int
    steps: tuple[PlanStep, ...]

    @cached_property
    def digest(self) -> str:
        """The one digest that is approved and applied, in hex."""
        head = self.model_dump(mode="json", exclude={"steps"})
        return digest_of({"v": 1, **head, "steps": [step.sealed for step in self.steps]})

    @property
    def handle(self) -> str:
        """What people call it by."""
        return self.digest[:8]

    @property
    def votes_until_ms(self) -> int:
        """Until when its votes can be given and used: the shortest that one of its rules allows."""
        spans = [int(need["expires_s"] or 0) for step in self.steps for need in step.needs]
        return min([self.expires_ms, *(self.at_ms + 1_000 * s for s in spans)])

    @property
    def hopeless(self) -> bool:
        """Whether every step was refused at planning: there is nothing to offer, and nothing to ask."""
        return len(self.having("deny")) == len(self.steps)

    def carried_by(self, step: PlanStep) -> tuple[PlanStep, ...]:
        """The steps that stand on this one."""
        return tuple(one for one in self.steps if one.stands_on == step.number)

    def having(self, verdict: PlanVerdict) -> tuple[PlanStep, ...]:
        """The steps of which the gate said this."""
        return tuple(step for step in self.steps if step.verdict == verdict)


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    """A plan that waits for votes on its `open` steps."""

    plan: Plan
    open: tuple[PlanStep, ...]


@dataclass(frozen=True, slots=True)
class StepDone:
    """The result of a step; `result` is None where it was not tried."""

    step: PlanStep
    status: StepStatus
    detail: str = ""
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """An application of a plan, step by step in the plan's order."""

    plan: Plan
    steps: tuple[StepDone, ...]

    def counts(self) -> Mapping[str, int]:
        """How many steps ended how, by status."""
        return dict(sorted(Counter(done.status for done in self.steps).items()))


@dataclass(frozen=True, slots=True)
class Voted:
    """The numbers of the steps that a vote was recorded for, and why for others not."""

    steps: tuple[int, ...]
    not_for: Mapping[int, str]


def excluded(plan: Plan, targets: Sequence[str]) -> frozenset[int]:
    """The numbers of the steps on these targets. Raises ArgumentsInvalid where one names no step."""
    numbers: set[int] = set()
    on: dict[str, set[int]] = {}
    for step in plan.steps:
        on.setdefault(step.request.target.key, set()).add(step.number)
    namespaces = sorted({step.request.target.namespace or "" for step in plan.steps})
    for text in targets:
        of = [on.get(target(plan.cluster, namespace, text).key, set()) for namespace in namespaces]
        if not any(of):
            raise ArgumentsInvalid(
                f"the plan has no step on `{text[:80]}`", where=plan.handle, hint="KIND/NAME as it is listed"
            )
        numbers.update(*of)
    return frozenset(numbers)


def leaving_out(steps: Sequence[PlanStep]) -> str:
    """The flags that leave these steps' targets out, each once: ` --exclude deployment/web`."""
    names = dict.fromkeys(str(step.request.target) for step in steps)
    return "".join(f" --exclude {name}" for name in names)


def marked(plan: Plan) -> tuple[str, int]:
    """The log's integer that says which proposal under this id is the newest."""
    return PLAN.of(plan.id), first_bits(plan.digest)
