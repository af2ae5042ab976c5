"""An evaluator of what changes add up to, beside `oracle`: the documents as written and a list of changes that were
made, plain data in; whether one more is refused, out.

It shares no code with the gate, and none of its state: no windows, no claims, no integers of a log. Every question
walks through all that ever happened.
"""

from typing import Any

from tests.kit.policies import Doc
from tests.policies import oracle

SECONDS = {"h": 3600, "d": 86_400, "m": 60}


def refuses(documents: list[Doc], past: list[Doc], ask: Doc) -> str | None:
    """What of it stands in the way: the name of the guard that must say so; None where nothing does.

    `ask` is that of the oracle, with `at` (seconds), `peers`, `alerts` and `rolling` as they are seen; `past` are the
    asks that were carried out, oldest first.
    """
    rules = oracle.fitting(documents, ask)
    found = []
    if ask["before"] != ask["after"]:
        found += ["cooldown"] * too_soon(rules, past, ask)
        found += ["flip"] * turns_back(rules, past, ask)
        found += ["budget"] * overspends(documents, rules, past, ask)
        found += ["blast_radius"] * spreads(documents, past, ask)
    found += ["quiet"] * loud(rules, ask)
    return found[0] if found else None


def too_soon(rules: list[Doc], past: list[Doc], ask: Doc) -> bool:
    gap = max((span(d["spec"].get("cooldown", "0m")) for d in rules), default=0)
    return any(same(one, ask) and ask["at"] - one["at"] < gap for one in moving(past))


def turns_back(rules: list[Doc], past: list[Doc], ask: Doc) -> bool:
    gap = max((span(d["spec"].get("flip", "0m")) for d in rules), default=0)
    return any(
        same(one, ask) and up(one) is not up(ask) and ask["at"] - one["at"] < gap for one in moving(past)
    )


def overspends(documents: list[Doc], rules: list[Doc], past: list[Doc], ask: Doc) -> bool:
    return any(
        amount(ask, counted)
        + sum(amount(one, counted) for one in past if counts(documents, who, per, one, ask, length))
        > limit
        for who, per, counted, limit, length in budgets(documents, rules, ask)
        if amount(ask, counted)
    )


Budget = tuple[str, str, str, int, int]
"""Whose (a rule's name, or an agent), per what, what is counted, how much, within how many seconds."""


def budgets(documents: list[Doc], rules: list[Doc], ask: Doc) -> list[Budget]:
    """Of the fitting rules, and of the agent's own document."""
    out = []
    for d in rules:
        given = d["spec"].get("budget", {})
        out += terms(d["metadata"]["name"], given.get("per", ""), given)
    for d in documents:
        if d["kind"] == "Agent" and ask["agent"] == f"agent:{d['metadata']['name']}":
            out += terms(ask["agent"], "agent", d["spec"].get("budgets", {}))
    return out


def terms(who: str, per: str, given: Doc) -> list[Budget]:
    words = {name: given[name] for name in ("changes", "delta") if name in given}
    return [(who, per, counted, *rate(text)) for counted, text in words.items()]


def rate(text: str) -> tuple[int, int]:
    number, unit = text.split("/")
    return int(number), SECONDS[unit]


def amount(one: Doc, counted: str) -> int:
    step = abs(one["after"] - one["before"])
    return step if counted == "delta" else int(step > 0)


def counts(documents: list[Doc], who: str, per: str, one: Doc, ask: Doc, length: int) -> bool:
    """Whether a change of the past is one of those that the budget counts for this one."""
    bound = who == one["agent"] or who in [d["metadata"]["name"] for d in oracle.fitting(documents, one)]
    return bound and in_window(one, ask, length) and place(per, one) == place(per, ask)


def place(per: str, one: Doc) -> Any:
    return {
        "workload": (one["cluster"], one["namespace"], one["kind"], one["name"]),
        "namespace": (one["cluster"], one["namespace"]),
        "cluster": one["cluster"],
        "agent": (one["cluster"], one["agent"] or one["human"]),
    }[per]


def in_window(one: Doc, ask: Doc, length: int) -> bool:
    """Time is counted in twelfths, and the oldest one counts whole."""
    return ask["at"] * 12 // length - one["at"] * 12 // length <= 12


def spreads(documents: list[Doc], past: list[Doc], ask: Doc) -> bool:
    return any(
        d["kind"] == "Ceiling"
        and "blastRadius" in d["spec"]
        and oracle.covers(d["spec"]["target"], ask)
        and too_many(d["spec"], past, ask)
        for d in documents
    )


def too_many(ceiling: Doc, past: list[Doc], ask: Doc) -> bool:
    """Whether one more workload than its share would have been changed; each of them counts once."""
    if ask["peers"] is None:
        return True
    share = int(ceiling["blastRadius"]["share"].removesuffix("%"))
    most = max(1, ask["peers"] * share // 100)
    length = span(ceiling["blastRadius"]["within"])
    touched = {
        place("workload", one)
        for one in moving(past)
        if in_window(one, ask, length)
        and place("namespace", one) == place("namespace", ask)
        and oracle.covers(ceiling["target"], one)
    }
    return len(touched) >= most and place("workload", ask) not in touched


def loud(rules: list[Doc], ask: Doc) -> bool:
    """What is not known is loud."""
    words = {word for d in rules for word in d["spec"].get("quiet", [])}
    return ("alerts" in words and ask["alerts"] != 0) or ("rollouts" in words and ask["rolling"] is not False)


def moving(past: list[Doc]) -> list[Doc]:
    return [one for one in past if one["before"] != one["after"]]


def same(one: Doc, ask: Doc) -> bool:
    return bool(place("workload", one) == place("workload", ask))


def up(one: Doc) -> bool:
    return bool(one["after"] > one["before"])


def span(text: str) -> int:
    return int(text[:-1]) * SECONDS[text[-1]]
