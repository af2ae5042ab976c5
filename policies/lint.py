"""Policies that load but are probably mistakes: findings for people, none of them changes a decision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from base.quantities import meant_millicores
from policies.bounds import Bound
from policies.compiler import EVERYONE, Row, expand_actions, rows_of
from policies.kinds import ActionPolicy, Agent, RoleBinding
from policies.patterns import fits
from policies.snapshot import Rule, Snapshot, Tainted, expand
from policies.unattended import doubts_of_budget, doubts_of_pause
from policies.unknown_names import Known, doubts_of_names
from policies.voters import Doubt, doubts_of_agent, doubts_of_rule, quorums


@dataclass(frozen=True, slots=True)
class Finding:
    """What, where (`file:line`), and the hint. An `info` may be intended."""

    what: str
    where: str
    hint: str
    level: Literal["error", "info"] = "error"


def lint(snapshot: Snapshot, only_voter: str | None = None, known: Known | None = None) -> list[Finding]:
    """Every finding, but in a base that rules were added to. `only_voter`: see policies.voters; `known`: see
    policies.unknown_names."""
    policies = [document for document in snapshot.documents if isinstance(document, ActionPolicy)]
    rows = {p.metadata.name: rows_of(p, snapshot.catalogue, snapshot.clusters) for p in policies}
    out = [finding for policy in policies for finding in _rule(snapshot, policy, rows)]
    for name, caps in snapshot.caps.items():
        out += _cores(name, caps, snapshot.origin.of("Ceiling", name))
    out += [*_doubts(snapshot, policies, only_voter), *_names(snapshot, known or Known())]
    out += _roles(snapshot, policies)
    return [finding for finding in out if finding.where.rpartition(":")[0] not in snapshot.origin.base]


def _doubts(
    snapshot: Snapshot, policies: Sequence[ActionPolicy], only_voter: str | None
) -> Iterator[Finding]:
    """Approvals that nobody may be able to give, and what nothing bounds or spoils while nobody watches."""
    for policy in policies:
        where = snapshot.origin.of("ActionPolicy", policy.metadata.name)
        found = (*doubts_of_rule(snapshot, policy, only_voter), *doubts_of_pause(snapshot, policy))
        yield from (_finding(doubt, where) for doubt in found)
    for agent in snapshot.agents.values():
        where = snapshot.origin.of("Agent", agent.metadata.name)
        found = (*doubts_of_agent(snapshot, agent, only_voter), *doubts_of_budget(snapshot, agent))
        yield from (_finding(doubt, where) for doubt in found)


def _names(snapshot: Snapshot, known: Known) -> Iterator[Finding]:
    """Names that nothing here has."""
    for document in snapshot.documents:
        where = snapshot.origin.of(document.kind, document.metadata.name)
        yield from (_finding(doubt, where) for doubt in doubts_of_names(snapshot, document, known))


def _finding(doubt: Doubt, where: str) -> Finding:
    return Finding(doubt.what, where, doubt.hint, "error" if doubt.sure else "info")


def _rule(snapshot: Snapshot, policy: ActionPolicy, rows: dict[str, list[Row]]) -> Iterator[Finding]:
    name = policy.metadata.name
    where = snapshot.origin.of("ActionPolicy", name)
    if not policy.tests:
        yield Finding(f"{name} has no tests", where, "add `tests:` with one allow and one deny")
    if not rows[name]:
        has = ", ".join(sorted(snapshot.clusters)) or "none"
        what = f"{name} matches no cluster that is known here (known: {has})"
        yield Finding(what, where, "check spec.target.clusters")
    if policy.spec.effect == "allow":
        yield from _cores(name, snapshot.rules[name].bounds, where)
        yield from _wide(snapshot, policy, where)
        yield from _silent(snapshot, policy, where)
        for other, others in rows.items():
            if other != name and rows[name] and _shadows(snapshot, other, name, others, rows[name]):
                yield Finding(f"{name} is shadowed by {other}", where, "remove one, or narrow the other")


def _cores(name: str, bounds: Mapping[str, Bound], where: str) -> Iterator[Finding]:
    """A bound of so many whole cores that its unit was probably left out."""
    for dimension, bound in bounds.items():
        for title, value in (("min", bound.low), ("max", bound.high)):
            meant = meant_millicores(value or 0) if dimension.startswith("cpu") else ""
            if meant:
                what = f"{name}: limits.{dimension}.{title} is {meant.removesuffix('m')} whole cores"
                yield Finding(what, where, f"did you mean {meant}?", "info")


def _wide(snapshot: Snapshot, policy: ActionPolicy, where: str) -> Iterator[Finding]:
    """An allow to write whose patterns hold whole clusters."""
    actions = expand_actions(policy.spec.actions, snapshot.catalogue)
    target = policy.spec.target
    if all(snapshot.catalogue[action].access == "read" for action in actions):
        return
    wide = [
        title
        for title, patterns in (("clusters", target.clusters), ("namespaces", target.namespaces))
        if "*" in patterns
    ]
    short = [
        pattern
        for pattern in (*target.clusters, *target.namespaces, *target.names)
        if pattern != "*" and pattern.endswith("*") and len(pattern) < 4
    ]
    if wide:
        yield Finding(f"{policy.metadata.name} writes in all {' and '.join(wide)}", where, "name them")
    for pattern in short:
        yield Finding(
            f"{policy.metadata.name}: `{pattern}` is a very short prefix", where, "write more of the name"
        )


def _silent(snapshot: Snapshot, policy: ActionPolicy, where: str) -> Iterator[Finding]:
    """An allow to write that agents have, and that says nothing of sessions that have read untrusted text."""
    spec = policy.spec
    if spec.tainted is not None or not any(
        snapshot.writes(action) for action in expand_actions(spec.actions, snapshot.catalogue)
    ):
        return
    roles = {f"role:{role}" for role in spec.roles}
    reached = expand(spec.target.clusters, snapshot.clusters)
    if any(roles & snapshot.roles.roles(agent, cluster) for agent in snapshot.agents for cluster in reached):
        what = f"{policy.metadata.name} lets agents do nothing once they have read untrusted text"
        hint = "write `tainted: deny` if that is meant; else `allow`, tighter limits or an approval"
        yield Finding(what, where, hint, "info")


def _shadows(snapshot: Snapshot, other: str, name: str, wide: list[Row], narrow: list[Row]) -> bool:
    """Whether `other` decides wherever `name` could: a deny always, an allow where it asks for no more."""
    one, mine = snapshot.rules[other], snapshot.rules[name]
    if one.effect == "allow" and not _asks_less(one, mine):
        return False
    return all(any(_covers(row, small) for row in wide) for small in narrow)


def _covers(wide: Row, narrow: Row) -> bool:
    same = wide.dom == narrow.dom and wide.act == narrow.act and wide.sub in (narrow.sub, EVERYONE)
    pairs = zip(wide.obj.split("/"), narrow.obj.split("/"), strict=True)
    labels = set(filter(None, wide.sel.split(","))) <= set(filter(None, narrow.sel.split(",")))
    return same and labels and all(_holds(big, small) for big, small in pairs)


def _holds(big: str, small: str) -> bool:
    """Whether every name that fits `small` fits `big`."""
    return small == big or (big.endswith("*") and fits(small.removesuffix("*"), big))


def _asks_less(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` lets through all that `narrow` does, without an approval, a wait or a duty of its own."""
    if wide.approve is not None or _waits(wide):
        return False
    if narrow.approve is not None and not narrow.approve.priced:
        return False
    if _waits(narrow) or not _carries(wide.tainted, narrow.tainted):
        return False
    return _loose(wide.bounds, narrow.bounds)


def _waits(rule: Rule) -> bool:
    """Whether it asks for time, a duty or quiet, or counts."""
    return bool(rule.cooldown_ms or rule.obligations or rule.budgets or rule.flip_ms or rule.quiet)


def _carries(wide: Tainted | None, narrow: Tainted | None) -> bool:
    """Whether `wide` carries for a tainted session all that `narrow` does, and neither binds an approval."""
    if narrow is None:
        return wide is None or wide.need is None
    if wide is None or wide.need is not None or narrow.need is not None:
        return False
    return _loose(wide.bounds, narrow.bounds)


def _loose(wide: Mapping[str, Bound], narrow: Mapping[str, Bound]) -> bool:
    return all(_looser(wide.get(dimension), bound) for dimension, bound in narrow.items())


def _looser(wide: Bound | None, narrow: Bound) -> bool:
    if wide is None:
        return False
    if (wide.low or 0) > (narrow.low or 0) or (wide.high or 0) < (narrow.high or 0):
        return False
    steps = wide.step is None or (narrow.step is not None and wide.step >= narrow.step)
    factors = wide.factor is None or (narrow.factor is not None and wide.factor >= narrow.factor)
    return steps and factors


def _roles(snapshot: Snapshot, policies: list[ActionPolicy]) -> Iterator[Finding]:
    """Roles that rules name and no subject has, and roles that a subject has and no rule names."""
    used = {role for policy in policies for role in policy.spec.roles}
    used |= {role for policy in policies for role in _asked(policy)}
    given: dict[str, str] = {}
    for document in snapshot.documents:
        where = snapshot.origin.of(document.kind, document.metadata.name)
        if isinstance(document, RoleBinding):
            given.setdefault(document.spec.role, where)
            used |= {s.removeprefix("role:") for s in document.spec.subjects if s.startswith("role:")}
        elif isinstance(document, Agent):
            for role in document.spec.roles:
                given.setdefault(role, where)
    for policy in policies:
        wanted = {*policy.spec.roles, *_asked(policy)}
        for role in sorted(wanted - set(given) - {"everyone", "local"}):
            where = snapshot.origin.of("ActionPolicy", policy.metadata.name)
            yield Finding(f"nobody has the role {role}", where, "bind it with a RoleBinding, or remove it")
    for role in sorted(set(given) - used):
        yield Finding(f"no rule names the role {role}", given[role], "remove the binding, or write the rule")


def _asked(policy: ActionPolicy) -> set[str]:
    """The roles that its approvals ask."""
    return {quorum.from_ for quorum in quorums(policy)}
