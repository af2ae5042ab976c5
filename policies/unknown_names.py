"""What lint finds of documents that name what is not there: a misspelt name fits nothing, and nobody is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from policies.kinds import ActionPolicy, Agent, Ceiling, Freeze, Kind, RoleBinding
from policies.snapshot import Snapshot, expand
from policies.voters import Doubt


@dataclass(frozen=True, slots=True)
class Known:
    """The names that there are beside actions and clusters; where none are told, none are looked for.

    `strategies` are those of a tuning pass, `tuned` the kinds of workloads that one looks at, `kinds` all that a rule
    can be about.
    """

    strategies: Sequence[str] = ()
    tuned: Sequence[str] = ()
    kinds: Sequence[str] = ()


def doubts_of_names(snapshot: Snapshot, document: Kind, known: Known) -> Iterator[Doubt]:
    """Of one document: its strategies and kinds, the clusters that it is for, and the agents that it binds."""
    match document:
        case Agent():
            yield from _agent(snapshot, document, known)
        case ActionPolicy():
            yield from _kinds(document, document.spec.target.kinds, known.kinds)
        case Ceiling():
            yield from _kinds(document, document.spec.target.kinds, known.kinds)
            yield from _clusters(snapshot, document, "spec.target.clusters", document.spec.target.clusters)
        case Freeze():
            yield from _clusters(snapshot, document, "spec.scope.clusters", document.spec.scope.clusters)
        case RoleBinding():
            yield from _agents(snapshot, document)


def _agent(snapshot: Snapshot, agent: Agent, known: Known) -> Iterator[Doubt]:
    for name in agent.spec.strategy or ():
        if known.strategies and name not in known.strategies:
            yield _unknown(agent, "strategy", name, known.strategies)
    if agent.spec.scope is not None:
        yield from _clusters(snapshot, agent, "spec.scope.clusters", agent.spec.scope.clusters)
        yield from _kinds(agent, agent.spec.scope.kinds, known.tuned)


def _kinds(document: Kind, named: Sequence[str], known: Sequence[str]) -> Iterator[Doubt]:
    for kind in named:
        if known and kind != "*" and kind not in known:
            yield _unknown(document, "kind", kind, known)


def _clusters(snapshot: Snapshot, document: Kind, where: str, patterns: Sequence[str]) -> Iterator[Doubt]:
    if not expand(patterns, snapshot.clusters):
        has = ", ".join(sorted(snapshot.clusters)) or "none"
        what = f"{document.metadata.name} matches no cluster that is known here (known: {has})"
        yield Doubt(what, f"check {where}")


def _agents(snapshot: Snapshot, binding: RoleBinding) -> Iterator[Doubt]:
    """An agent has the rights of its document, and without one it may do nothing."""
    for subject in binding.spec.subjects:
        if subject.startswith("agent:") and subject not in snapshot.agents:
            yield _unknown(binding, "agent", subject, sorted(snapshot.agents))


def _unknown(document: Kind, noun: str, name: str, known: Sequence[str]) -> Doubt:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"
    return Doubt(f"{document.metadata.name} names the {noun} {name}, which is not there", hint)
