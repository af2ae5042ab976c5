"""Approvals that can never bind, or that nobody can ever give: they look like a safeguard, so they do not load."""

from collections.abc import Iterator, Mapping

from policies.bounds import Bound, bounds_of, thresholds_of
from policies.compiler import EVERYONE
from policies.document import Document, Path
from policies.errors import PolicyError
from policies.kinds import ActionPolicy, Quorum, RoleBinding, TaintedSpec
from policies.limits import When
from policies.quantities import shown

LOCAL = "local"
"""The user of this machine: one person."""

_AT: Path = ("spec", "approval")


def check_approvals(policy: ActionPolicy, document: Document) -> Iterator[PolicyError]:
    """Every finding about the rule's own approval and the one of `tainted:`."""
    spec = policy.spec
    if spec.approval is not None:
        yield from _quorum(spec.approval, document, _AT)
        if isinstance(spec.approval.when, When):
            yield from _when(spec.approval.when, bounds_of(spec.limits), document)
    if isinstance(spec.tainted, TaintedSpec) and spec.tainted.approval is not None:
        yield from _quorum(spec.tainted.approval, document, ("spec", "tainted", "approval"))


def check_subjects(binding: RoleBinding, document: Document) -> Iterator[PolicyError]:
    """`role:everyone` as a subject: every agent would have the role, and nobody's vote would count."""
    for index, subject in enumerate(binding.spec.subjects):
        if subject == EVERYONE:
            yield PolicyError(
                f"spec.subjects: `{EVERYONE}` would give the role to every principal",
                where=document.where(("spec", "subjects", index)),
                hint="name people, agents or groups, e.g. group:local",
            )


def _quorum(quorum: Quorum, document: Document, at: Path) -> Iterator[PolicyError]:
    name = ".".join(map(str, at))
    if f"role:{quorum.from_}" == EVERYONE:
        yield PolicyError(
            f"{name}.from: nobody votes as `everyone`",
            where=document.where((*at, "from")),
            hint="name a role that people have, or `local`",
        )
    if quorum.from_ == LOCAL and quorum.count > 1:
        yield PolicyError(
            f"{name}.count is {quorum.count}, and `local` is one person",
            where=document.where((*at, "count")),
            hint="write `count: 1`, or ask a role that several people have",
        )


def _when(when: When, bounds: Mapping[str, Bound], document: Document) -> Iterator[PolicyError]:
    """Thresholds that no change which fits the rule can pass."""
    thresholds = thresholds_of(when)
    if not thresholds:
        yield _silent("spec.approval.when", document, (*_AT, "when"))
    for dimension, (above, below) in thresholds.items():
        at = (*_AT, "when", dimension)
        name = ".".join(map(str, at))
        bound = bounds.get(dimension)
        if above is None and below is None:
            yield _silent(name, document, at)
        elif bound is None:
            yield PolicyError(
                f"{name}: none of its actions moves it", where=document.where(at), hint="remove it"
            )
        elif above is not None and bound.high is not None and above >= bound.high:
            yield _beyond(f"{name}.above", "max", shown(bound.high, dimension), document, (*at, "above"))
        elif below is not None and below <= (bound.low or 0):
            yield _beyond(f"{name}.below", "min", shown(bound.low or 0, dimension), document, (*at, "below"))


def _silent(name: str, document: Document, at: Path) -> PolicyError:
    what = f"{name} says nothing, so the approval would never be asked for"
    return PolicyError(
        what, where=document.where(at), hint="write `when: always`, or a threshold: {above: …}"
    )


def _beyond(name: str, bound: str, value: str, document: Document, at: Path) -> PolicyError:
    side = "at or above" if bound == "max" else "at or below"
    what = f"{name} is {side} the rule's {bound}, {value}: nothing that the rule allows passes it"
    return PolicyError(what, where=document.where(at), hint=f"set it within the limits, or change {bound}")
