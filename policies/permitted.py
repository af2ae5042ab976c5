"""What may somebody do in a namespace? Each action is asked where a rule allows it to anybody, by the gate itself."""

from collections.abc import Iterator
from dataclasses import replace

from policies.compiler import expand_actions
from policies.explain import Explanation, explain
from policies.kinds import ActionPolicy, Selected
from policies.patterns import fits, selector_text
from policies.questions import Question
from policies.snapshot import Snapshot, expand

_FRESH = "x"
"""Stands for any name or kind that a pattern's `*` leaves open."""


def permitted(snapshot: Snapshot, like: Question) -> Iterator[tuple[str, str, Explanation]]:
    """For each action where it is allowed (`deployment/web-*`, with the labels that it takes) and how; an action
    that is allowed nowhere once, with `-`. `like` says who asks, and in which namespace."""
    for action in sorted(snapshot.catalogue):
        found = list(_allowed(snapshot, replace(like, action=action)))
        if found:
            yield from ((action, place, answer) for place, answer in found)
        else:
            yield action, "-", explain(snapshot, replace(like, action=action))


def _allowed(snapshot: Snapshot, like: Question) -> Iterator[tuple[str, Explanation]]:
    seen = set[str]()
    for selected in _selections(snapshot, like):
        for kind in selected.kinds:
            for name in selected.names:
                place = f"{kind}/{name}" + (f",{selector_text(selected.labels)}" if selected.labels else "")
                answer = explain(snapshot, _probe(like, selected, kind, name))
                if place not in seen and answer.decision.verdict != "deny":
                    seen.add(place)
                    yield place, answer


def _selections(snapshot: Snapshot, like: Question) -> Iterator[Selected]:
    """The objects of each rule that allows the action in this namespace, whoever it is for."""
    at = like.target
    for document in snapshot.documents:
        if not isinstance(document, ActionPolicy) or document.spec.effect != "allow":
            continue
        spec = document.spec
        here = at.cluster in expand(spec.target.clusters, snapshot.clusters)
        inside = any(fits(at.namespace or "", pattern) for pattern in spec.target.namespaces)
        if here and inside and like.action in expand_actions(spec.actions, snapshot.catalogue):
            yield spec.target


def _probe(like: Question, selected: Selected, kind: str, name: str) -> Question:
    """The question about one object that the patterns select: a name of its own, for a pattern that ends in `*`."""
    kind = "deployment" if kind == "*" else kind.replace("*", _FRESH)
    named = like.target.model_copy(update={"kind": kind, "name": name.replace("*", _FRESH)})
    return replace(like, target=named, labels=dict(selected.labels))
