"""`tainted:` only tightens: an object that is wider than its rule anywhere does not load."""

from collections.abc import Iterator

from policies.bounds import bounds_of
from policies.document import Document
from policies.errors import PolicyError
from policies.kinds import ActionPolicy, TaintedSpec

_AT = ("spec", "tainted", "limits")


def check_tainted(policy: ActionPolicy, document: Document) -> Iterator[PolicyError]:
    """Each bound of `tainted.limits` that its rule does not have, or that lies outside of the rule's own."""
    tainted = policy.spec.tainted
    if not isinstance(tainted, TaintedSpec):
        return
    own = bounds_of(policy.spec.limits)
    for dimension, tight in bounds_of(tainted.limits).items():
        name = ".".join((*_AT, dimension))
        if dimension not in own:
            where = document.where((*_AT, dimension))
            yield PolicyError(f"{name}: the rule has no such limit", where=where, hint="remove it")
            continue
        wider = tight.wider_than(own[dimension])
        if wider is not None:
            yield PolicyError(
                f"{name}.{wider} is wider than the rule's own, {own[dimension].value(wider)}",
                where=document.where((*_AT, dimension, wider)),
                hint=f"write {own[dimension].value(wider)} or tighter; `tainted: allow` leaves all as it is",
            )
        elif tight.met(own[dimension]).empty:
            yield PolicyError(
                f"{name}: nothing of the rule's own limits is left",
                where=document.where((*_AT, dimension)),
                hint="write `tainted: deny` if that is meant",
            )
