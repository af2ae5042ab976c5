"""A policy in force: compiled, immutable, with a digest. Built aside, swapped by one reference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from policies.bounds import Bound, bounds_of, thresholds_of
from policies.budgets import Budget, budgets_of
from policies.claim_keys import first_bits
from policies.compiler import Rules, compile_rules
from policies.kinds import (
    ActionPolicy,
    Agent,
    Ceiling,
    EnvelopeSpec,
    Freeze,
    Kind,
    Quiet,
    Quorum,
    RoleBinding,
    TaintedSpec,
    Verify,
)
from policies.limits import When
from policies.patterns import fits
from policies.quantities import LEASE
from policies.roles import Edge, RoleClosure
from policies.types import ActionInfo, ApprovalNeed, Obligation, digest_of

FOREVER_MS = 2**53 - 1
_FORMAT = 1
"""Part of the digest: moves on when the meaning of the same documents changes."""


@dataclass(frozen=True, slots=True)
class Approve:
    """A rule's approval, compiled. `priced`: asked only where no other rule carries the change."""

    need: ApprovalNeed
    priced: bool
    always: bool
    thresholds: Mapping[str, tuple[int | None, int | None]]


@dataclass(frozen=True, slots=True)
class Tainted:
    """What a rule carries for a tainted request: within `bounds` (its own, tightened), with `need` if any."""

    bounds: Mapping[str, Bound]
    need: ApprovalNeed | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule says of the moves inside an envelope that it allows: the time between two, how many an hour on one
    workload, the largest step (None: none of its own)."""

    cooldown_ms: int
    moves: int
    max_step: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """An ActionPolicy as the gate uses it. `tainted` is None where it carries nothing for a tainted request."""

    name: str
    effect: Literal["allow", "deny"]
    bounds: Mapping[str, Bound]
    approve: Approve | None
    cooldown_ms: int
    obligations: tuple[Obligation, ...]
    tainted: Tainted | None
    envelope: Terms | None = None
    budgets: tuple[Budget, ...] = ()
    flip_ms: int = 0
    quiet: tuple[Quiet, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a snapshot's documents come from. Documents are named `kind/name`, places are `file:line`."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Each document's place."""
    base: frozenset[str] = frozenset()
    """The files that others are added to."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Documents of the base whose place a document of the same kind and name took, and where they stand."""

    def of(self, kind: str, name: str) -> str:
        """The document's place; empty where there is none."""
        return self.files.get(f"{kind}/{name}", "")

    def shipped(self, kind: str, name: str) -> bool:
        """Whether the document is one of the base."""
        return self.of(kind, name).rpartition(":")[0] in self.base


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a decision uses. Safe to share between threads.

    `digest` covers the documents' content, the catalogue and the clusters. From `valid_until_ms` on
    (Unix ms; a binding ends) `as_of` must be asked for a new one; the gate does.
    """

    digest: str
    epoch: int
    """The digest's first 52 bits: what the log keeps at `policy/epoch/<cluster>`."""
    documents: tuple[Kind, ...] = field(repr=False)
    catalogue: Mapping[str, ActionInfo]
    clusters: tuple[str, ...]
    agents: Mapping[str, Agent]
    rules: Mapping[str, Rule]
    ceilings: tuple[Ceiling, ...]
    freezes: tuple[Freeze, ...]
    caps: Mapping[str, Mapping[str, Bound]]
    label_keys: frozenset[str]
    agent_budgets: Mapping[str, tuple[Budget, ...]]
    """By agent, what all of its changes may use up."""
    uses: frozenset[str]
    """Which of `budget`, `flip`, `quiet` and `blast_radius` any document has: only then is looked for more."""
    roles: RoleClosure = field(repr=False)
    table: Rules = field(repr=False)
    valid_until_ms: int = FOREVER_MS
    origin: Origin = field(default_factory=Origin, repr=False)

    def writes(self, action: str) -> bool:
        """Whether the action changes anything (an unknown action is taken for a write)."""
        info = self.catalogue.get(action)
        return info is None or info.access == "write"

    def is_neutral(self, action: str) -> bool:
        """Whether it changes only how something is said (ActionInfo.neutral)."""
        info = self.catalogue.get(action)
        return info is not None and info.neutral

    def as_of(self, now_ms: int) -> "Snapshot":
        """The same policy without the bindings that have ended by `now_ms`."""
        roles, table, until = _compile(self.documents, self.catalogue, self.clusters, now_ms)
        return replace(self, roles=roles, table=table, valid_until_ms=until)


def build(
    documents: Sequence[Kind],
    catalogue: Sequence[ActionInfo],
    clusters: Sequence[str],
    origin: Origin,
) -> Snapshot:
    """Compile checked documents (the loader checks them)."""
    ordered = tuple(sorted(documents, key=lambda doc: (doc.kind, doc.metadata.name)))
    known = {info.name: info for info in catalogue}
    inventory = tuple(sorted(set(clusters)))
    roles, table, until = _compile(ordered, known, inventory, None)
    policies = [doc for doc in ordered if isinstance(doc, ActionPolicy)]
    ceilings = tuple(doc for doc in ordered if isinstance(doc, Ceiling))
    targets = [doc.spec.target for doc in policies] + [doc.spec.target for doc in ceilings]
    digest = _digest(ordered, known, inventory)
    return Snapshot(
        digest=digest,
        epoch=first_bits(digest),
        documents=ordered,
        catalogue=known,
        clusters=inventory,
        agents={doc.principal: doc for doc in ordered if isinstance(doc, Agent)},
        rules={doc.metadata.name: _rule(doc) for doc in policies},
        ceilings=ceilings,
        freezes=tuple(doc for doc in ordered if isinstance(doc, Freeze)),
        caps={doc.metadata.name: bounds_of(doc.spec.limits) for doc in ceilings},
        label_keys=frozenset(key for target in targets for key in target.labels),
        agent_budgets={doc.principal: _budgets(doc) for doc in ordered if isinstance(doc, Agent)},
        uses=frozenset(_uses(ordered)),
        roles=roles,
        table=table,
        valid_until_ms=until,
        origin=origin,
    )


def _digest(documents: Sequence[Kind], catalogue: Mapping[str, ActionInfo], clusters: Sequence[str]) -> str:
    return digest_of(
        {
            "format": _FORMAT,
            "documents": [doc.model_dump(mode="json", exclude={"tests"}) for doc in documents],
            "catalogue": [_entry(info) for _, info in sorted(catalogue.items())],
            "clusters": list(clusters),
        }
    )


def _entry(info: ActionInfo) -> list[object]:
    """What the digest covers of an action."""
    return [info.name, info.access, sorted(info.dimensions), *(["neutral"] if info.neutral else [])]


def _compile(
    documents: Sequence[Kind],
    catalogue: Mapping[str, ActionInfo],
    clusters: Sequence[str],
    now_ms: int | None,
) -> tuple[RoleClosure, Rules, int]:
    bindings = [doc.spec for doc in documents if isinstance(doc, RoleBinding)]
    ends = [spec.until for spec in bindings if spec.until is not None]
    live = [spec for spec in bindings if now_ms is None or spec.until is None or spec.until > now_ms]
    edges: list[Edge] = [
        (subject, f"role:{spec.role}", cluster)
        for spec in live
        for subject in spec.subjects
        for cluster in expand(spec.clusters, clusters)
    ]
    agents = [doc for doc in documents if isinstance(doc, Agent)]
    edges += [(a.principal, f"role:{role}", c) for a in agents for role in a.spec.roles for c in clusters]
    roles = RoleClosure(edges)
    policies = [doc for doc in documents if isinstance(doc, ActionPolicy)]
    table = compile_rules(policies, roles, catalogue, clusters)
    until = min((end for end in ends if now_ms is None or end > now_ms), default=FOREVER_MS)
    return roles, table, until


def expand(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that fit any of the patterns."""
    return [name for name in names if any(fits(name, pattern) for pattern in patterns)]


def _rule(doc: ActionPolicy) -> Rule:
    spec = doc.spec
    obligations = tuple(_obligation(part) for part in spec.require)
    bounds = bounds_of(spec.limits)
    if spec.envelope is not None:
        bounds[LEASE] = Bound(high=spec.envelope.longest)
    return Rule(
        name=doc.metadata.name,
        effect=spec.effect,
        bounds=bounds,
        approve=_approve(doc),
        cooldown_ms=spec.cooldown * 1000,
        obligations=obligations,
        tainted=_tainted(doc, bounds),
        envelope=_terms(spec.envelope),
        budgets=_budgets(doc),
        flip_ms=spec.flip * 1000,
        quiet=spec.quiet,
    )


def _terms(spec: EnvelopeSpec | None) -> Terms | None:
    return None if spec is None else Terms(spec.cooldown * 1000, spec.moves, spec.max_step)


def _uses(documents: Sequence[Kind]) -> Iterator[str]:
    for doc in documents:
        if isinstance(doc, ActionPolicy):
            yield from (name for name in ("budget", "flip", "quiet") if getattr(doc.spec, name))
        elif isinstance(doc, Agent) and _budgets(doc):
            yield "budget"
        elif isinstance(doc, Ceiling) and doc.spec.blast_radius is not None:
            yield "blast_radius"


def _budgets(doc: ActionPolicy | Agent) -> tuple[Budget, ...]:
    if isinstance(doc, Agent):
        return tuple(budgets_of(doc.principal, "agent", doc.spec.budgets.changes, doc.spec.budgets.delta))
    own = doc.spec.budget
    return () if own is None else tuple(budgets_of(doc.metadata.name, own.per, own.changes, own.delta))


def _obligation(part: Literal["dryRun"] | Verify) -> Obligation:
    if part == "dryRun":
        return Obligation("dryRun")
    ppm = int(part.max_ratio * 1_000_000) if part.max_ratio is not None else 0
    return Obligation("verify", part.verify, part.metric, ppm)


def _tainted(doc: ActionPolicy, own: Mapping[str, Bound]) -> Tainted | None:
    spec = doc.spec.tainted
    if not isinstance(spec, TaintedSpec):
        return Tainted(own, None) if spec == "allow" else None
    tight = bounds_of(spec.limits)
    bounds = {name: bound.met(tight[name]) if name in tight else bound for name, bound in own.items()}
    return Tainted(bounds, None if spec.approval is None else _need(doc, spec.approval))


def _approve(doc: ActionPolicy) -> Approve | None:
    spec = doc.spec.approval
    if spec is None:
        return None
    thresholds = thresholds_of(spec.when) if isinstance(spec.when, When) else {}
    return Approve(
        _need(doc, spec), priced=spec.when is None, always=spec.when == "always", thresholds=thresholds
    )


def _need(doc: ActionPolicy, quorum: Quorum) -> ApprovalNeed:
    return ApprovalNeed(
        doc.metadata.name, quorum.from_, quorum.count, quorum.expires, quorum.from_ == "local"
    )
