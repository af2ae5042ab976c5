"""An evaluator of the operator's documents as they are written: plain data in, a verdict out.

It shares no code with the gate: no rows, no Casbin, no compiled bounds, no memo. Slow and obvious on purpose.
"""

import re
from typing import Any

from tests.kit.policies import Doc


def fits(value: str, patterns: list[str]) -> bool:
    return any(
        re.fullmatch(re.escape(p[:-1]) + ".*" if p.endswith("*") else re.escape(p), value) is not None
        for p in patterns
    )


def has_role(documents: list[Doc], subjects: set[str], role: str, cluster: str) -> bool:
    """Whether any of the subjects reaches the role, by walking the bindings until nothing is added."""
    have = set(subjects)
    for d in documents:
        if d["kind"] == "Agent" and f"agent:{d['metadata']['name']}" in have:
            have |= {f"role:{r}" for r in d["spec"]["roles"]}
    grown = True
    while grown:
        grown = False
        for d in documents:
            s = d["spec"]
            if d["kind"] == "RoleBinding" and fits(cluster, s["clusters"]) and have & set(s["subjects"]):
                grown |= f"role:{s['role']}" not in have
                have.add(f"role:{s['role']}")
    return role == "everyone" or f"role:{role}" in have


def covers(t: Doc, ask: Doc) -> bool:
    labels = t.get("labels", {})
    return (
        fits(ask["cluster"], t["clusters"])
        and fits(ask["namespace"], t["namespaces"])
        and fits(ask["kind"], t.get("kinds", ["*"]))
        and fits(ask["name"], t["names"])
        and all(ask["labels"].get(k) == v for k, v in labels.items())
    )


def within(limits: Doc, before: int, after: int) -> bool:
    bound = limits.get("replicas")
    if bound is None:
        return True
    return bound.get("min", 0) <= after <= bound.get("max", 10**9) and abs(after - before) <= bound.get(
        "maxStep", 10**9
    )


def crosses(when: Any, after: int) -> bool:
    if when == "always":
        return True
    bound = when["replicas"]
    return after > bound.get("above", 10**9) or after < bound.get("below", -1)


def marked(ask: Doc) -> bool:
    """An agent's session has read untrusted text; persons by hand never have."""
    return ask["agent"] is not None and bool(ask["tainted"])


def carries(s: Doc, ask: Doc) -> bool:
    """Whether the rule is for what is asked: always, but where it is marked."""
    if not marked(ask):
        return True
    word = s.get("tainted", "deny")
    if isinstance(word, str):
        return bool(word == "allow")
    return within(word.get("limits", {}), ask["before"], ask["after"])


def matching(documents: list[Doc], subjects: set[str], ask: Doc) -> list[Doc]:
    """The rules that are about what is asked, for whom any of the subjects stands."""
    return [
        d
        for d in documents
        if d["kind"] == "ActionPolicy"
        and any(has_role(documents, subjects, r, ask["cluster"]) for r in d["spec"]["roles"])
        and (ask["action"] in d["spec"]["actions"] or "write" in d["spec"]["actions"])
        and covers(d["spec"]["target"], ask)
    ]


def who_must(ask: Doc) -> list[set[str]]:
    """The principals of whom each must be allowed."""
    return [*([{ask["agent"]}] if ask["agent"] else []), {ask["human"], *ask["groups"]}]


def fitting(documents: list[Doc], ask: Doc) -> list[Doc]:
    """The rules of any principal within whose limits the change lies: what they ask for binds it."""
    found = {
        d["metadata"]["name"]: d
        for subjects in who_must(ask)
        for d in matching(documents, subjects, ask)
        if d["spec"]["effect"] == "allow" and within(d["spec"]["limits"], ask["before"], ask["after"])
    }
    return list(found.values())


def level(autonomy: Any, cluster: str, namespace: str) -> str:
    """How far an agent acts in a place: of the keys that fit it those that none beats, and of these the lowest.

    A key beats another where it fits some of the other's places and no place beside them.
    """
    if isinstance(autonomy, str):
        return autonomy
    here = {key: word for key, word in autonomy.items() if (cluster, namespace) in places(key)}
    best = [word for key, word in here.items() if not any(places(other) < places(key) for other in here)]
    order = ["observe", "recommend", "approve", "autonomous"]
    return min(best, key=order.index, default="observe")


def places(key: str) -> set[tuple[str, str]]:
    """Where a key of `autonomy` fits, among places enough to tell the tests' keys apart. What lies in no namespace
    is a place too, and only of a key that names none."""
    cluster, _, namespace = key.partition("/")
    clusters = [c for c in ("sandbox", "sand", "prod", "prodx", "pr", "x") if fits(c, [cluster])]
    inside = [n for n in ("shop", "shopx", "sh", "other", "x") if not namespace or fits(n, [namespace])]
    return {(c, n) for c in clusters for n in [*inside, *([] if namespace else [""])]}


def one_principal(documents: list[Doc], subjects: set[str], ask: Doc) -> str:
    found = [d["spec"] for d in matching(documents, subjects, ask)]
    if any(s["effect"] == "deny" for s in found):
        return "deny"
    fitting = [s for s in found if within(s["limits"], ask["before"], ask["after"])]
    carrying = [s for s in fitting if carries(s, ask)]
    if not carrying:
        return "deny"
    if marked(ask) and any("approval" in s["tainted"] for s in fitting if isinstance(s.get("tainted"), dict)):
        return "needs_approval"
    approvals = [s.get("approval") for s in fitting]
    if any(a is not None and "when" in a and crosses(a["when"], ask["after"]) for a in approvals):
        return "needs_approval"
    if all(s.get("approval") is not None and "when" not in s["approval"] for s in carrying):
        return "needs_approval"
    return "allow"


def forbids(d: Doc, ask: Doc) -> bool:
    """Whether a ceiling or a freeze stands in the way (every freeze here is on)."""
    if d["kind"] == "Ceiling" and covers(d["spec"]["target"], ask):
        return not within(d["spec"].get("limits", {}), ask["before"], ask["after"])
    if d["kind"] == "Freeze":
        scope = d["spec"]["scope"]
        return fits(ask["cluster"], scope["clusters"]) and fits(
            ask["namespace"], scope.get("namespaces", ["*"])
        )
    return False


def verdict(documents: list[Doc], ask: Doc) -> str:
    """allow, deny or needs_approval for a live write without votes."""
    answers = []
    if ask["agent"] is not None:
        named = {f"agent:{d['metadata']['name']}": d["spec"] for d in documents if d["kind"] == "Agent"}
        if ask["agent"] not in named:
            return "deny"
        how_far = level(named[ask["agent"]]["autonomy"], ask["cluster"], ask["namespace"])
        if how_far in ("observe", "recommend"):
            return "deny"
        if ask["action"] not in ask["task"]:
            return "deny"
        answers.append(one_principal(documents, {ask["agent"]}, ask))
        absent = named[ask["agent"]]["owner"] not in ("local", ask["human"])
        if absent or how_far == "approve":
            answers.append("needs_approval")
    answers.append(one_principal(documents, {ask["human"], *ask["groups"]}, ask))
    if ask["after"] == 0 and ask["action"] == "scale":
        return "deny"
    if any(forbids(d, ask) for d in documents):
        return "deny"
    return "deny" if "deny" in answers else "needs_approval" if "needs_approval" in answers else "allow"
