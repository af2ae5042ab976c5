"""Checks over all documents together with catalogue and clusters. Every finding is a load error."""

from collections.abc import Iterator, Mapping

from policies.approval_checks import check_approvals, check_subjects
from policies.bounds import bounds_of
from policies.compiler import EVERYONE, READ, WRITE, expand_actions
from policies.document import Document
from policies.errors import PolicyError
from policies.kinds import ActionPolicy, Kind, RoleBinding
from policies.quantities import LEASE
from policies.tightening import check_tainted
from policies.types import ActionInfo
from policies.validation import unknown

SCALE_TO_ZERO = "scale_to_zero"
"""The one action that may bring replicas to 0; `scale` never may."""

Loaded = list[tuple[Kind, Document]]


def check(loaded: Loaded, catalogue: Mapping[str, ActionInfo]) -> Iterator[PolicyError]:
    """All findings, in the documents' order."""
    yield from _twice(loaded)
    for kind, document in loaded:
        if isinstance(kind, ActionPolicy):
            yield from _actions(kind, document, catalogue)
            yield from _roles(kind, document)
        if isinstance(kind, RoleBinding):
            yield from check_subjects(kind, document)
            if f"role:{kind.spec.role}" == EVERYONE:
                where, hint = document.where(("spec", "role")), "remove the binding"
                yield PolicyError("spec.role: `everyone` is given to all already", where=where, hint=hint)
    yield from _cycles(loaded)


def _twice(loaded: Loaded) -> Iterator[PolicyError]:
    first: dict[tuple[str, str], Document] = {}
    for kind, document in loaded:
        key = (kind.kind, kind.metadata.name)
        if key in first:
            yield PolicyError(
                f"{key[0]} `{key[1]}` is defined twice",
                where=document.where(("metadata", "name")),
                hint=f"the first is at {first[key].where(('metadata', 'name'))}; rename one",
            )
        first.setdefault(key, document)


def _actions(
    policy: ActionPolicy, document: Document, catalogue: Mapping[str, ActionInfo]
) -> Iterator[PolicyError]:
    spec = policy.spec
    for index, name in enumerate(spec.actions):
        where = document.where(("spec", "actions", index))
        if name == WRITE and spec.effect == "allow":
            yield PolicyError("an allow names its writing actions", where=where, hint="`write` is for denies")
        elif name not in catalogue and name not in (READ, WRITE):
            yield unknown(name, {*catalogue, READ, WRITE}, what="action", where=where)
    if spec.effect == "allow":
        yield from _limits(policy, document, catalogue)
        yield from _duties(policy, document, catalogue)
        yield from check_tainted(policy, document)
        yield from check_approvals(policy, document)
    for index, test in enumerate(policy.tests):
        if test.action not in catalogue:
            where = document.where(("tests", index))
            yield unknown(test.action, catalogue, what="action", where=where)


def _limits(
    policy: ActionPolicy, document: Document, catalogue: Mapping[str, ActionInfo]
) -> Iterator[PolicyError]:
    """Numbers for each dimension that an action moves, none for what nothing moves, and zero by its own name."""
    spec, where = policy.spec, document.where(("spec", "limits"))
    given = bounds_of(spec.limits)
    actions = [name for name in expand_actions(spec.actions, catalogue) if name in catalogue]
    moved = {dimension: name for name in actions for dimension in catalogue[name].dimensions}
    yield from _envelope(policy, document, moved.pop(LEASE, None))
    for dimension in sorted(set(moved) - set(given)):
        yield PolicyError(
            f"spec.limits.{dimension} is missing: `{moved[dimension]}` moves it",
            where=where,
            hint=f"add `{dimension}: {{min: …, max: …}}`",
        )
    for dimension in sorted(set(given) - set(moved)):
        yield PolicyError(
            f"spec.limits.{dimension}: none of its actions moves it",
            where=document.where(("spec", "limits", dimension)),
            hint="remove it",
        )
    replicas = given.get("replicas")
    if replicas is not None and replicas.low == 0 and SCALE_TO_ZERO not in actions:
        yield PolicyError(
            "spec.limits.replicas.min is 0, which `scale` never reaches",
            where=document.where(("spec", "limits", "replicas", "min")),
            hint=f"set 1, or give `{SCALE_TO_ZERO}` a rule of its own",
        )


def _envelope(policy: ActionPolicy, document: Document, leases: str | None) -> Iterator[PolicyError]:
    """An envelope's own numbers stand beside the action that leases one, and nowhere else."""
    given, where = policy.spec.envelope is not None, document.where(("spec", "envelope"))
    if leases and not given:
        hint = "add `envelope: {longest: 26h, moves: 30/h}`"
        yield PolicyError(f"spec.envelope is missing: `{leases}` leases one", where=where, hint=hint)
    if given and not leases:
        yield PolicyError("spec.envelope: none of its actions leases one", where=where, hint="remove it")


def _duties(
    policy: ActionPolicy, document: Document, catalogue: Mapping[str, ActionInfo]
) -> Iterator[PolicyError]:
    """Approval, cooldown, obligations and taint are about writes; a read could only seem to owe them."""
    spec = policy.spec
    if any(info.access == "write" for name, info in catalogue.items() if name in spec.actions):
        return
    for name in ("approval", "cooldown", "require", "tainted"):
        if getattr(spec, name):
            where = document.where(("spec", name))
            yield PolicyError(f"spec.{name}: none of its actions writes", where=where, hint="remove it")


def _roles(policy: ActionPolicy, document: Document) -> Iterator[PolicyError]:
    if policy.spec.effect == "allow" and EVERYONE.removeprefix("role:") in policy.spec.roles:
        yield PolicyError(
            "spec.roles: only a deny may name `everyone`",
            where=document.where(("spec", "roles")),
            hint="name roles",
        )


def _cycles(loaded: Loaded) -> Iterator[PolicyError]:
    """Roles that inherit each other: nobody could say who has what."""
    up: dict[str, set[str]] = {}
    for kind, document in loaded:
        if not isinstance(kind, RoleBinding):
            continue
        for index, subject in enumerate(kind.spec.subjects):
            role = f"role:{kind.spec.role}"
            if not subject.startswith("role:"):
                continue
            if subject == role or subject in _above(role, up):
                where = document.where(("spec", "subjects", index))
                yield PolicyError(
                    f"`{subject}` and `{role}` inherit each other", where=where, hint="remove one"
                )
            else:
                up.setdefault(subject, set()).add(role)


def _above(role: str, up: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    open_ = [role]
    while open_:
        for parent in up.get(open_.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                open_.append(parent)
    return seen
