"""What the policy in force says of an agent's run: where it looks, by which strategies, and how far it goes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyball.exits import UsageError
from policies.agent_levels import level_of
from policies.claim_keys import LEVEL
from policies.patterns import fits, sel_match, selector_text

if TYPE_CHECKING:
    from agents.tuner.remit import Remit
    from agents.tuner.strategy import Aim, Strategy
    from flyball.wiring import App
    from policies.kinds import Agent, Selected
    from policies.types import AgentName, Principal, Target
    from tools.cluster_types import Workload

RISK_PPM = 20_000
"""The accepted risk of an agent whose file says none: 2 %."""


@dataclass(frozen=True, slots=True)
class AgentRun:
    """An agent as policy had it when the run began; `digest` is that policy's."""

    document: "Agent"
    cluster: str
    digest: str
    stored: int = 0
    """The log's integer for it (LEVEL of claim_keys): a demotion lowers what policy allows."""

    @property
    def aim(self) -> "Aim":
        """The accepted risk."""
        from agents.tuner.strategy import Aim

        return Aim(risk_ppm=self.document.spec.risk or RISK_PPM, agent=self.document.principal)

    @property
    def strategies(self) -> "list[Strategy]":
        """Those that it names, else all; and `keep`, which the others are held against. Raises StrategyUnknown."""
        from agents.tuner.strategies import strategies

        named = self.document.spec.strategy
        return strategies(("keep", *named) if named else (), self.aim)

    def level(self, namespace: str | None) -> str:
        """How far it goes in a namespace, by policy and by what the log says of it."""
        return level_of(self.document.spec, self.cluster, namespace, self.stored)

    def acts_in(self, namespace: str | None) -> bool:
        """Whether it changes anything there, alone or with an approval."""
        return self.level(namespace) in ("approve", "autonomous")

    async def remit(self, app: "App") -> "Remit":
        """Where it looks: the namespaces of its scope, else that of the command."""
        from agents.tuner.remit import Remit

        scope = self.document.spec.scope
        if scope is None:
            return Remit((app.place.namespace,), tries=self._tries)
        names = await _namespaces(app, scope)
        return Remit(names, lambda workload: _selects(scope, workload), self._tries)

    def _tries(self, target: "Target") -> bool:
        return self.level(target.namespace) != "observe"


async def agent_run(app: "App", name: "AgentName") -> AgentRun:
    """The agent's run by the policy in force. Raises UsageError where policy names no such agent."""
    snapshot = (await app.context.gate()).snapshot
    found = snapshot.agents.get(name)
    if found is None:
        known = ", ".join(sorted(snapshot.agents)) or "none"
        raise UsageError(f"policy names no `{name}`", hint=f"agents: {known}")
    key = LEVEL.of(name)
    stored = (await app.context.log.values((key,)))[key]
    return AgentRun(found, app.place.context, snapshot.digest, stored)


def principal(app: "App", run: AgentRun, name: "AgentName", run_id: str, *, scheduled: bool) -> "Principal":
    """The agent for its owner, where it runs by its schedule; else for the person of this process."""
    task = app.scope().model_copy(update={"namespaces": None})
    if not scheduled:
        return app.identity.agent(name, task, run_id)
    return app.identity.scheduled(name, run.document.spec.owner, task, run_id)


async def _namespaces(app: "App", scope: "Selected") -> tuple[str, ...]:
    """The namespaces of the scope in this cluster; names without a pattern need no list of all of them."""
    if not any(fits(app.place.context, pattern) for pattern in scope.clusters):
        return ()
    if not any(pattern.endswith("*") for pattern in scope.namespaces):
        return tuple(sorted(set(scope.namespaces)))
    names = await app.context.reader.namespaces()
    return tuple(sorted(n for n in names if any(fits(n, pattern) for pattern in scope.namespaces)))


def _selects(scope: "Selected", workload: "Workload") -> bool:
    target = workload.target
    return (
        any(fits(target.kind, pattern) for pattern in scope.kinds)
        and any(fits(target.name, pattern) for pattern in scope.names)
        and sel_match(workload.labels, selector_text(scope.labels), "allow")
    )
