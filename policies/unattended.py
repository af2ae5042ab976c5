"""What lint finds of agents that run by a schedule: nobody watches what adds up, or what comes before a verdict."""

from collections.abc import Iterator

from base.durations import written
from policies.compiler import expand_actions
from policies.kinds import ActionPolicy, Agent, Verify
from policies.snapshot import Snapshot, expand
from policies.voters import Doubt


def doubts_of_pause(snapshot: Snapshot, policy: ActionPolicy) -> Iterator[Doubt]:
    """A rule of theirs by which a workload may be changed again before the verdict on the last change is due."""
    spec, name = policy.spec, policy.metadata.name
    longest = max((part.verify for part in spec.require if isinstance(part, Verify)), default=0)
    if spec.effect != "allow" or spec.cooldown >= longest:
        return
    if any(_within(snapshot.agents[name], longest) for name in _have(snapshot, policy)):
        pause, due = written(spec.cooldown), written(longest)
        what = f"{name}: cooldown {pause} is shorter than verify {due}: the next change may spoil the verdict"
        yield Doubt(what, f"write `cooldown: {due}` or longer", sure=False)


def doubts_of_budget(snapshot: Snapshot, agent: Agent) -> Iterator[Doubt]:
    """One that acts by itself, and for which neither its document nor a rule counts what adds up."""
    own = agent.spec.budgets
    levels = {level for cluster in snapshot.clusters for level in agent.spec.levels_in(cluster)}
    if agent.spec.schedule is None or "autonomous" not in levels or own.changes is not None or own.delta:
        return
    free = sorted(name for name in _writing(snapshot, agent) if not snapshot.rules[name].budgets)
    if free:
        what = f"{agent.metadata.name} acts by itself, and nothing bounds how often (by {', '.join(free)})"
        yield Doubt(what, "write e.g. `budgets: {changes: 20/h}` in the Agent", sure=False)


def _within(agent: Agent, seconds: int) -> bool:
    """Whether two of its next runs lie closer together than this; a run changes a workload once."""
    schedule = agent.spec.schedule
    return schedule is not None and schedule.closest_s < seconds


def _writing(snapshot: Snapshot, agent: Agent) -> Iterator[str]:
    """The rules that let the agent change something."""
    for document in snapshot.documents:
        if isinstance(document, ActionPolicy) and document.spec.effect == "allow":
            actions = expand_actions(document.spec.actions, snapshot.catalogue)
            if any(snapshot.writes(action) for action in actions) and agent.principal in _have(
                snapshot, document
            ):
                yield document.metadata.name


def _have(snapshot: Snapshot, policy: ActionPolicy) -> Iterator[str]:
    """The agents with a schedule that have the rule somewhere."""
    roles = {f"role:{role}" for role in policy.spec.roles}
    reached = expand(policy.spec.target.clusters, snapshot.clusters)
    for name, agent in snapshot.agents.items():
        if agent.spec.schedule is not None and any(
            roles & snapshot.roles.roles(name, cluster) for cluster in reached
        ):
            yield name
