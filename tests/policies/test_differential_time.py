"""The gate against an independent evaluator over many changes: what they add up to, how far an agent acts where.

The gate decides one after another with the integers of a log; the evaluator walks through the list of what was done.
"""

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from policies.types import Delta, Principal, Scope
from tests.kit.book import Book
from tests.kit.effort import examples
from tests.kit.policies import Doc, agent, ask, binding, doc, policy, rule, seen, target
from tests.policies import oracle, oracle_time

EVERYWHERE = {"clusters": ["sandbox", "prod"], "namespaces": ["shop", "other"], "names": ["*"]}
some = lambda *values: st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)  # noqa: E731

spans = st.sampled_from(["10m", "30m", "1h"])
rates = st.builds("{}/{}".format, st.integers(1, 8), st.sampled_from(["h", "h", "d"]))
per = st.sampled_from(["workload", "agent", "namespace", "cluster"])
rule_budgets = st.fixed_dictionaries({"per": per, "changes": rates}, optional={"delta": rates}) | (
    st.fixed_dictionaries({"per": per, "delta": rates})
)
targets = st.just(EVERYWHERE) | st.fixed_dictionaries(
    {"clusters": st.just(["*"]), "namespaces": some("shop", "other", "*"), "names": some("web", "api", "*")},
    optional={"labels": st.just({"tier": "a"})},
)
terms = {
    "budget": rule_budgets,
    "cooldown": st.sampled_from(["1m", "10m"]),
    "flip": spans,
    "quiet": some("alerts", "rollouts"),
    "approval": st.just({"from": "sre", "when": {"replicas": {"above": 9}}}),
}
keys = st.sampled_from(["*", "sandbox", "sand*", "prod", "sandbox/shop", "sandbox/sh*", "*/shop", "pr*/*"])
levels = st.sampled_from(["observe", "recommend", "approve", "autonomous", "autonomous"])
autonomies = st.dictionaries(keys, levels, min_size=1, max_size=4)
agent_budgets = st.fixed_dictionaries({}, optional={"changes": rates, "delta": rates})
agents = st.sampled_from(
    [{}, {"budgets": agent_budgets}, {"budgets": agent_budgets}, {"autonomy": autonomies}]
).flatmap(st.fixed_dictionaries)


@st.composite
def worlds(draw: st.DrawFn) -> list[Doc]:
    """Wide rules, each of which asks for one thing more, so that it is this that refuses."""
    documents: list[Doc] = [binding("people", ["human:anna", "human:bob"], "operator")]
    about = draw(some(*terms))
    for n in range(draw(st.integers(1, 2))):
        limits = {"replicas": {"min": 1, "max": draw(st.sampled_from([10, 20]))}}
        asks = {term: draw(terms[term]) for term in about if draw(st.integers(0, 3))}
        documents.append(rule(f"r{n}", target=draw(targets), limits=limits, **asks))
    documents += [agent(name, **draw(agents)) for name in ("ops", "nightly")]
    if draw(st.booleans()):
        radius = {"share": draw(st.sampled_from(["30%", "50%"])), "within": draw(spans)}
        documents.append(doc("Ceiling", "few", {"target": draw(targets), "blastRadius": radius}))
    return documents


changes = st.fixed_dictionaries(
    {
        "agent": st.sampled_from([None, "agent:ops", "agent:ops", "agent:nightly"]),
        "human": st.sampled_from(["human:anna", "human:anna", "human:bob"]),
        "groups": st.just([]),
        "cluster": st.sampled_from(["sandbox", "sandbox", "sandbox", "prod"]),
        "namespace": st.sampled_from(["shop", "shop", "other"]),
        "kind": st.sampled_from(["deployment", "deployment", "deployment", "statefulset"]),
        "name": st.sampled_from(["web", "web", "api", "cart"]),
        "action": st.just("scale"),
        "task": st.just(["scale"]),
        "labels": st.sampled_from([{}, {"tier": "a"}, {"tier": "a"}]),
        "tainted": st.just(False),
        "before": st.integers(3, 8),
        "after": st.integers(2, 11),
        "wait": st.sampled_from([0, 1, 59, 60, 300, 300, 600, 600, 1800, 3299, 3300, 3600, 3900, 86_400]),
        "peers": st.sampled_from([3, 3, 6, 6, 6, 10, None]),
        "alerts": st.sampled_from([0, 0, 0, 0, 1, None]),
        "rolling": st.sampled_from([False, False, False, False, True, None]),
    }
)


@examples(60, 1000, skipping=[HealthCheck.too_slow])
@given(worlds(), st.lists(changes, min_size=8, max_size=24))
def test_what_changes_add_up_to(documents: list[Doc], asked: list[Doc]) -> None:
    book, past, now = Book(policy(*documents)), list[Doc](), 1_800_000_000
    for one in asked:
        now += one["wait"]
        one = {**one, "at": now}
        found = decided(book, one, now)
        by_rules = oracle.verdict(documents, one)
        refused = oracle_time.refuses(documents, past, one) if by_rules != "deny" else None
        said = "deny" if refused else by_rules
        assert found == (said, refused), (one, len(past))
        if said == "allow":
            past.append(one)


def decided(book: Book, one: Doc, now: int) -> tuple[str, str | None]:
    """The gate's verdict, and which of the guards of time refuses."""
    who = Principal(
        agent=one["agent"],
        on_behalf_of=one["human"],
        session="s",
        task=Scope(clusters=("sandbox", "prod"), namespaces=None, actions=("scale",))
        if one["agent"]
        else None,
    )
    where = target(**{key: one[key] for key in ("name", "cluster", "namespace", "kind")})
    request = ask(principal=who, to=one["after"], target=where)
    look = seen(
        request,
        Delta("replicas", "", one["before"], one["after"]),
        labels=one["labels"],
        peers=one["peers"],
        alerts=one["alerts"],
        rolling_out=one["rolling"],
    )
    found = book.act(request, (now - 1_800_000_000) / 60, look)
    assert found.stage != "error"
    of_time = ("cooldown", "flip", "budget", "blast_radius", "quiet")
    return found.verdict.value, found.stage if found.stage in of_time else None


places = st.tuples(st.sampled_from(["sandbox", "prod"]), st.sampled_from(["shop", "other"]))


@examples(200, 2000)
@given(st.dictionaries(keys, levels, min_size=1, max_size=6), places)
def test_the_level_of_a_place(autonomy: dict[str, str], place: tuple[str, str]) -> None:
    (found,) = policy(rule(), agent("ops", autonomy=autonomy)).agents.values()
    assert found.spec.autonomy_in(*place) == oracle.level(autonomy, *place)
