"""Approvals that load and that nobody may be able to give: who could vote, and whether they are enough."""

from collections.abc import Iterator
from typing import NamedTuple

from policies.kinds import ActionPolicy, Agent, Quorum, TaintedSpec
from policies.roles import RoleClosure
from policies.snapshot import Snapshot, expand


class Doubt(NamedTuple):
    """What and a hint. `sure`: it can never be given; else it depends on who runs this."""

    what: str
    hint: str
    sure: bool = True


def quorums(policy: ActionPolicy) -> Iterator[Quorum]:
    """The approvals that a rule asks for, its own and that of `tainted:`."""
    tainted = policy.spec.tainted
    for quorum in (policy.spec.approval, tainted.approval if isinstance(tainted, TaintedSpec) else None):
        if quorum is not None:
            yield quorum


def doubts_of_rule(snapshot: Snapshot, policy: ActionPolicy, only_voter: str | None) -> Iterator[Doubt]:
    """`only_voter`: on one machine the one person who asks and votes; None where people vote for each other."""
    name = policy.metadata.name
    for quorum in quorums(policy):
        role = quorum.from_
        if role == "local":
            continue
        if only_voter is not None:
            what = f"{name} asks {role} for approval, and on one machine only {only_voter} asks and votes"
            yield Doubt(what, "nobody votes for themselves: write `from: local`")
            continue
        for cluster in expand(policy.spec.target.clusters, snapshot.clusters):
            people = _people(snapshot.roles, role, cluster)
            if people is not None and people < quorum.count:
                what = f"{name} asks for {quorum.count} of {role}, and {people} have it in {cluster}"
                yield Doubt(what, "bind the role to more people, or lower the count")


def doubts_of_agent(snapshot: Snapshot, agent: Agent, only_voter: str | None) -> Iterator[Doubt]:
    """An agent that waits for its owner's yes where the owner is not the one who votes."""
    owner = agent.spec.owner
    levels = {level for cluster in snapshot.clusters for level in agent.spec.levels_in(cluster)}
    asks = not levels.isdisjoint(("approve", "autonomous"))  # somebody else's agent never acts by itself
    if asks and only_voter is not None and owner not in ("local", only_voter):
        what = f"{agent.metadata.name} waits for {owner}, and here only {only_voter} votes"
        yield Doubt(what, "write `owner: local`, or let the owner run it", sure=False)


def _people(roles: RoleClosure, role: str, cluster: str) -> int | None:
    """How many people have the role; None where a group has it, or nobody at all (that is a finding of its own)."""
    holders = roles.holders(f"role:{role}", cluster)
    if not holders or any(name.startswith("group:") for name in holders):
        return None
    return len({name.casefold() for name in holders if name.startswith("human:")})
