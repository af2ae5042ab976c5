"""The gate against an independent evaluator of the same YAML: they never differ."""

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from policies.decision import Decision, VerdictKind
from policies.types import Delta, Principal, Scope
from tests.kit.effort import examples
from tests.kit.policies import PEOPLE, Doc, ask, binding, decide, doc, policy, rule, seen, target
from tests.policies import oracle

RANK = {VerdictKind.DENY: 0, VerdictKind.NEEDS_APPROVAL: 1, VerdictKind.ALLOW: 2}
ROLES = ["operator", "scaler", "junior", "lead"]
LABELS = st.dictionaries(st.sampled_from(["tier", "zone"]), st.sampled_from(["a", "b"]), max_size=2)
some = lambda *values: st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)  # noqa: E731

targets = st.fixed_dictionaries(
    {
        "clusters": some("sandbox", "prod", "*", "pr*"),
        "namespaces": some("shop", "sh*", "*", "other"),
        "names": some("web", "web*", "*", "api"),
    },
    optional={"kinds": some("deployment", "statefulset", "*"), "labels": LABELS},
)
bounds = st.fixed_dictionaries(
    {"min": st.integers(1, 4), "max": st.integers(4, 20)}, optional={"maxStep": st.integers(1, 8)}
)


def whens(limits: Doc) -> st.SearchStrategy[object]:
    """Always, or thresholds that a change within the limits can pass: others do not load."""
    above = st.integers(0, limits["max"] - 1)
    below = st.integers(limits["min"] + 1, limits["max"] + 4)
    return st.one_of(
        st.just("always"),
        st.fixed_dictionaries({"replicas": st.fixed_dictionaries({"above": above})}),
        st.fixed_dictionaries({"replicas": st.fixed_dictionaries({"below": below})}),
    )


@st.composite
def taints(draw: st.DrawFn, limits: Doc) -> str | Doc:
    """What a rule says of tainted requests; the object's limits lie within the rule's own."""
    word = draw(st.sampled_from(["deny", "allow", "limits", "approval", "both"]))
    if word in ("deny", "allow"):
        return word
    out: Doc = {}
    if word in ("limits", "both"):
        cap: Doc = {}
        if draw(st.booleans()):
            cap["min"] = draw(st.integers(limits["min"], limits["max"]))
        if draw(st.booleans()):
            cap["max"] = draw(st.integers(cap.get("min", limits["min"]), limits["max"]))
        if draw(st.booleans()) or not cap:
            cap["maxStep"] = draw(st.integers(1, limits.get("maxStep", 8)))
        out["limits"] = {"replicas": cap}
    if word in ("approval", "both"):
        out["approval"] = {"from": "sre"}
    return out


def approvals(limits: Doc) -> st.SearchStrategy[Doc]:
    return st.fixed_dictionaries({"from": st.just("sre")}, optional={"when": whens(limits)})


actions = some("scale", "scale_to_zero")


@st.composite
def rules(draw: st.DrawFn, index: int) -> Doc:
    roles, what, where = draw(some(*ROLES)), draw(actions), draw(targets)
    if draw(st.integers(0, 4)) == 0:
        roles = draw(st.sampled_from([roles, ["everyone"]]))
        what = draw(st.sampled_from([what, ["write"]]))
        return rule(f"r{index}", roles=roles, actions=what, target=where, effect="deny", limits=None)
    limits = draw(bounds)
    return rule(
        f"r{index}",
        roles=roles,
        actions=what,
        target=where,
        limits={"replicas": limits},
        approval=draw(st.one_of(st.none(), st.none(), approvals(limits))),
        tainted=draw(st.one_of(st.none(), taints(limits), taints(limits))),
    )


@st.composite
def worlds(draw: st.DrawFn) -> list[Doc]:
    documents = [draw(rules(n)) for n in range(draw(st.integers(1, 5)))]
    subjects = some("agent:ops", "human:anna", "group:sre", "human:bob")
    for n in range(draw(st.integers(1, 3))):
        where = {"clusters": draw(some("sandbox", "prod", "*"))}
        documents.append(binding(f"b{n}", draw(subjects), draw(st.sampled_from(ROLES)), **where))
    for n, role in enumerate(ROLES[: draw(st.integers(0, 3))]):
        documents.append(binding(f"up{n}", [f"role:{role}"], ROLES[n + 1]))
    autonomy = draw(st.sampled_from(["autonomous", "autonomous", "approve", "recommend", "observe"]))
    owner = draw(st.sampled_from(["local", "local", "human:anna", "human:bob"]))
    documents.append(doc("Agent", "ops", {"owner": owner, "roles": draw(some(*ROLES)), "autonomy": autonomy}))
    if draw(st.integers(0, 2)) == 0:
        documents.append(
            doc("Ceiling", "cap", {"target": draw(targets), "limits": {"replicas": draw(bounds)}})
        )
    if draw(st.integers(0, 5)) == 0:
        window = {"from": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}
        documents.append(
            doc("Freeze", "f", {"scope": {"clusters": draw(some("sandbox", "prod"))}, "windows": [window]})
        )
    return documents


asks = st.fixed_dictionaries(
    {
        "agent": st.sampled_from([None, "agent:ops", "agent:ops", "agent:other"]),
        "human": st.just("human:anna"),
        "groups": st.sampled_from([[], ["group:sre"]]),
        "cluster": st.sampled_from(["sandbox", "prod"]),
        "namespace": st.sampled_from(["shop", "other"]),
        "kind": st.sampled_from(["deployment", "statefulset"]),
        "name": st.sampled_from(["web", "web-a", "api"]),
        "action": st.sampled_from(["scale", "scale", "scale_to_zero"]),
        "task": st.sampled_from([["scale"], ["scale", "scale_to_zero"]]),
        "labels": LABELS,
        "tainted": st.sampled_from([False, False, True]),
        "before": st.integers(1, 8),
        "after": st.integers(0, 16),
    }
)


@st.composite
def near(draw: st.DrawFn) -> tuple[list[Doc], list[Doc]]:
    """Several rules over the very same workload, and questions that most of them fit."""
    documents: list[Doc] = [*PEOPLE]
    for n in range(draw(st.integers(1, 4))):
        limits = draw(bounds)
        terms = draw(st.one_of(st.none(), approvals(limits))), draw(taints(limits))
        documents.append(rule(f"r{n}", limits={"replicas": limits}, approval=terms[0], tainted=terms[1]))
    some_asks = st.fixed_dictionaries(
        {
            "agent": st.sampled_from([None, "agent:ops", "agent:ops", "agent:ops"]),
            "human": st.just("human:anna"),
            "groups": st.just([]),
            "cluster": st.just("sandbox"),
            "namespace": st.just("shop"),
            "kind": st.just("deployment"),
            "name": st.just("web"),
            "action": st.just("scale"),
            "task": st.just(["scale"]),
            "labels": st.just({}),
            "tainted": st.booleans(),
            "before": st.integers(2, 8),
            "after": st.integers(1, 12),
        }
    )
    return documents, draw(st.lists(some_asks, min_size=3, max_size=8))


@examples(60, 1000, skipping=[HealthCheck.too_slow])
@given(worlds(), st.lists(asks, min_size=1, max_size=6))
def test_the_gate_says_what_the_documents_say(documents: list[Doc], questions: list[Doc]) -> None:
    agree(documents, questions)


@examples(40, 500, skipping=[HealthCheck.too_slow])
@given(near())
def test_a_tainted_request_gets_what_the_documents_say_and_never_more(
    found: tuple[list[Doc], list[Doc]],
) -> None:
    agree(*found)


def agree(documents: list[Doc], questions: list[Doc]) -> None:
    snapshot = policy(*documents)
    for question in questions:
        who = Principal(
            agent=question["agent"],
            on_behalf_of=question["human"],
            groups=tuple(question["groups"]),
            session="s",
            task=Scope(clusters=("sandbox", "prod"), namespaces=None, actions=tuple(question["task"]))
            if question["agent"]
            else None,
        )
        where = target(**{key: question[key] for key in ("name", "cluster", "namespace", "kind")})
        clean = ask(principal=who, to=question["after"], target=where, action=question["action"])
        marked = clean.model_copy(update={"tainted": question["tainted"]})
        delta = Delta("replicas", "", question["before"], question["after"])
        look = seen(marked, delta, labels=question["labels"])
        found = decide(snapshot, marked, look)
        assert found.verdict == oracle.verdict(documents, question), (found, question)
        assert (found.permit is None) == (found.verdict is not VerdictKind.ALLOW)
        assert found.stage != "error"
        plain = decide(snapshot, clean, look)
        assert RANK[found.verdict] <= RANK[plain.verdict]
        if found.verdict is not VerdictKind.DENY:
            assert set(roles_of(found)) >= set(roles_of(plain))
        by_log = decide(snapshot, clean, look, found={"taint/s": int(question["tainted"])})
        assert (by_log.verdict, by_log.approvals) == (found.verdict, found.approvals)


def roles_of(found: Decision) -> list[tuple[str, str]]:
    return [(need.rule, need.role) for need in found.approvals]
