"""What operators write: every mistake is found, with its line and its hint; nothing half-right is in force."""

from pathlib import Path

import pytest

from policies.errors import PolicyInvalid
from policies.loader import compile_texts, load
from tests.kit.policies import (
    CATALOGUE,
    CLUSTERS,
    NOW,
    PEOPLE,
    Doc,
    agent,
    binding,
    deny,
    doc,
    policy,
    rule,
    text,
)

GOOD = """\
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: shop-web-scaling, owner: team-shop}
spec:
  roles: [scaler]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], names: ["web-*"], labels: {tier: frontend}}
  effect: allow
  limits:
    replicas: {min: 2, max: 20, maxStep: 5}
  cooldown: 5m
  require: [dryRun, {verify: 5m}]
  approval: {when: {replicas: {above: 12}}, from: sre, count: 1, expires: 15m}
tests:
- {as: "agent:tuner", scale: 40, target: shop/deployment/web-a, expect: deny, rule: limits.replicas.max}
...
"""


def problems(raw: str | bytes) -> list[tuple[str, str, str]]:
    data = raw.encode() if isinstance(raw, str) else raw
    with pytest.raises(PolicyInvalid) as caught:
        compile_texts({"shop.yaml": data}, catalogue=CATALOGUE, clusters=CLUSTERS)
    return [(p.where, p.what, p.hint) for p in caught.value.problems]


def test_the_documented_example_loads() -> None:
    snapshot = compile_texts({"shop.yaml": GOOD.encode()}, catalogue=CATALOGUE, clusters=CLUSTERS)
    assert snapshot.label_keys == {"tier"}
    assert snapshot.origin.files["ActionPolicy/shop-web-scaling"] == "shop.yaml:1"
    (row,) = snapshot.table.rows
    assert row == (
        "role:scaler",
        "sandbox",
        "shop/*/web-*",
        "scale",
        "tier=frontend",
        "allow",
        "shop-web-scaling",
    )


@pytest.mark.parametrize(
    ("old", "new", "where", "what", "hint"),
    [
        ("replicas: {min", "replica: {min", 10, "spec.limits.replica is unknown", "did you mean 'replicas'?"),
        ("maxStep", "maxstep", 10, "spec.limits.replicas.maxstep is unknown", "did you mean 'maxStep'?"),
        ("cooldown: 5m", "budget: {per: workload}", 11, "spec.budget: says nothing", ""),
        ("cooldown: 5m", "budgets: {changes: 6/h}", 11, "spec.budgets is unknown", "did you mean 'budget'?"),
        ("cooldown: 5m", "budget: {changes: 6/h}", 11, "spec.budget.per is missing", "add `per`"),
        ("cooldown: 5m", "budget: {per: pod, changes: 6/h}", 11, "spec.budget.per: ", ""),
        ("cooldown: 5m", "budget: {per: agent, changes: 6}", 11, "spec.budget.changes: ", ""),
        ("cooldown: 5m", "budget: {per: agent, changes: 6/w}", 11, "spec.budget.changes: ", ""),
        ("cooldown: 5m", "budget: {per: agent, changes: 0/h}", 11, "spec.budget.changes: ", ""),
        ("cooldown: 5m", "budget: {per: agent, delta: {pods: 6/h}}", 11, "spec.budget.delta: ", ""),
        ("cooldown: 5m", "flip: 30", 11, "spec.flip: ", ""),
        ("cooldown: 5m", "quiet: [alarms]", 11, "spec.quiet.0: ", ""),
        ("min: 2", 'min: "2"', 10, "spec.limits.replicas.min: ", ""),
        ("min: 2", "min: true", 10, "spec.limits.replicas.min: ", ""),
        ("min: 2", "min: 2.0", 10, "spec.limits.replicas.min: ", ""),
        ("max: 20", "max: 1_0", 10, "`1_0` is read differently", "quote it"),
        ("max: 20", "max: 1e9", 10, "`1e9` is read differently", "quote it"),
        ("max: 20", "max: .nan", 10, "`.nan` is read differently", "quote it"),
        ("max: 20", "max: 0x14", 10, "`0x14` is read differently", "quote it"),
        ("max: 20", "max: 1", 10, "spec.limits.replicas: min is above max", ""),
        ("effect: allow", "effect: allow\n  effect: deny", 9, "`effect` is there twice", "line 8"),
        ("effect: allow", "effect: denied", 8, "spec.effect: ", ""),
        ("effect: allow", "effect: Deny", 8, "spec.effect: ", ""),
        ("effect: allow", "effect: deny # note", 4, "spec: a deny takes no limits", ""),
        ("[scale]", "[scael]", 6, "action `scael` is unknown", "did you mean 'scale'?"),
        ("[scale]", "[write]", 6, "an allow names its writing actions", "denies"),
        ("kind: ActionPolicy", "kind: ActionPolcy", 2, "kind `ActionPolcy` is unknown", "ActionPolicy"),
        ('["web-*"]', '["*/web"]', 7, "spec.target.names.0: ", ""),
        ('["web-*"]', '["w*b"]', 7, "spec.target.names.0: ", ""),
        ('["web-*"]', '[".."]', 7, "spec.target.names.0: ", ""),
        ('["web-*"]', '["Web"]', 7, "spec.target.names.0: ", ""),
        ('["web-*"]', '["wеb"]', 7, "spec.target.names.0: ", ""),
        ("tier: frontend", '"a=b,c": x', 7, "spec.target.labels", ""),
        ("[dryRun,", "[dryrun,", 12, "spec.require.0", ""),
        ("expires: 15m", "expires: 15", 13, "spec.approval.expires: ", ""),
        ("from: sre, ", "", 13, "spec.approval.from is missing", "add `from`"),
        ("min: 2", "min: 0", 10, "spec.limits.replicas.min is 0", "scale_to_zero"),
        ("[scaler]", "&a [scaler]", 5, "anchors and aliases are not read", "write the value out"),
        ("owner: team-shop", "owner: !x y", 3, "`y` is read differently", "quote it"),
        ("scale: 40", "scael: 40", 15, "action `scael` is unknown", "did you mean 'scale'?"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_hint(
    old: str, new: str, where: int, what: str, hint: str
) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert any(w == f"shop.yaml:{where}" and what in t and hint in m for w, t, m in found), found


def test_every_finding_is_reported_at_once() -> None:
    broken = GOOD.replace("maxStep", "maxSteps").replace("cooldown: 5m", "cooldown: soon")
    assert len(problems(broken)) == 2


def test_a_write_without_limits_is_no_rule() -> None:
    limits = {"cpuRequest": {"min": "1", "max": "2"}}
    found = problems(text([rule(actions=["set_resources"], limits=limits)]))
    assert [what.split(" ")[0] for _, what, _ in found] == [
        f"spec.limits.{name}" for name in ("cpuLimit", "memoryLimit", "memoryRequest")
    ]
    assert problems(text([rule(limits=None)]))[0][1] == "spec.limits.replicas is missing: `scale` moves it"


def test_limits_that_nothing_moves_are_refused() -> None:
    assert "none of its actions moves it" in problems(text([rule(actions=["read"])]))[0][1]


@pytest.mark.parametrize("what", ["approval", "cooldown", "require"])
def test_what_only_a_write_can_owe_is_refused_on_a_read(what: str) -> None:
    value = {"approval": {"from": "sre"}, "cooldown": "5m", "require": ["dryRun"]}[what]
    found = problems(text([rule(actions=["read"], limits=None, **{what: value})]))
    assert found[0][1] == f"spec.{what}: none of its actions writes"


def test_everyone_is_for_denies_only() -> None:
    assert policy(deny(roles=["everyone"]))
    assert "only a deny" in problems(text([rule(roles=["everyone"])]))[0][1]
    assert "given to all" in problems(text([binding("b", ["human:x"], "everyone")]))[0][1]


def test_names_are_unique_and_roles_do_not_inherit_each_other() -> None:
    assert "defined twice" in problems(text([rule("a"), rule("a")]))[0][1]
    ring = [binding("x", ["role:a"], "b"), binding("y", ["role:b"], "c"), binding("z", ["role:c"], "a")]
    assert "inherit each other" in problems(text(ring))[0][1]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "does not end with"),
        (b"a: 1\n", "does not end with"),
        (b"\xff\n...\n", "not UTF-8"),
        (b"[" * 100_000 + b"\n...\n", "nested too deeply"),
        (b"a: " + b"[" * 40 + b"]" * 40 + b"\n...\n", "nested too deeply"),
        (b"a: {b: \n...\n", "not YAML"),
        (b"- 1\n...\n", "not a mapping"),
        (b"%YAML 1.1\n---\na: 1\n...\n", "in the middle"),
        (b"a: 1\n...\n---\nb: 1\n...\n", "in the middle"),
        (b"1: a\n...\n", "a key is not plain text"),
        (b"x: &a [*a]\n...\n", "anchors"),
    ],
)
def test_text_that_is_no_policy(raw: bytes, what: str) -> None:
    assert what in problems(raw)[0][1]


def test_yaml_is_1_2() -> None:
    """A key `on` stays a key, 22:00 stays a time (PyYAML made True and 1320 of them)."""
    window = {"zone": "Europe/Berlin", "start": "22:00", "end": "06:00"}
    raw = text([doc("Freeze", "night", {"scope": {"clusters": ["*"]}, "windows": [window]})])
    raw = raw.replace(b'"22:00"', b"22:00")
    snapshot = compile_texts({"f.yaml": raw}, catalogue=CATALOGUE, clusters=CLUSTERS)
    start = snapshot.freezes[0].spec.windows[0].start
    assert start is not None
    assert start.hour == 22


@pytest.mark.parametrize(
    "window",
    [
        {"zone": "Europe/Berlin", "start": "22:00"},
        {"zone": "Mars/Olympus", "start": "22:00", "end": "06:00"},
        {"zone": "../../etc/passwd", "start": "22:00", "end": "06:00"},
        {"from": "2026-12-24T18:00:00", "until": "2026-12-25T18:00:00Z"},
        {"from": "2026-12-26T18:00:00Z", "until": "2026-12-25T18:00:00Z"},
        {"zone": "Europe/Berlin", "start": "22:00", "end": "06:00", "days": []},
    ],
)
def test_a_window_says_exactly_when(window: Doc) -> None:
    assert problems(text([doc("Freeze", "night", {"scope": {"clusters": ["*"]}, "windows": [window]})]))


def test_the_digest_covers_content_catalogue_and_clusters_and_nothing_else() -> None:
    one = policy(rule(), *PEOPLE)
    same = policy(*PEOPLE, rule())
    assert one.digest == same.digest
    others = {
        policy(rule(limits={"replicas": {"min": 2, "max": 13, "maxStep": 5}}), *PEOPLE).digest,
        policy(rule(), *PEOPLE, catalogue=CATALOGUE[:3]).digest,
        compile_texts({"p": text([rule(), *PEOPLE])}, catalogue=CATALOGUE, clusters=["sandbox"]).digest,
        policy(rule(), agent(owner="human:anna"), PEOPLE[0]).digest,
    }
    assert len(others | {one.digest}) == 5
    tested = {
        **rule(),
        "tests": [{"as": "local", "scale": 1, "target": "shop/deployment/web", "expect": "deny"}],
    }
    assert policy(tested, *PEOPLE).digest == one.digest


def test_valid_until_is_the_earliest_end_of_a_binding() -> None:
    ends = binding("b", ["human:bob"], "operator", until="2027-01-15T09:00:00+01:00")
    snapshot = policy(rule(), ends, *PEOPLE)
    assert snapshot.valid_until_ms == 1_800_000_000_000
    later = snapshot.as_of(NOW)
    assert later.valid_until_ms > NOW
    assert later.digest == snapshot.digest
    assert "role:operator" in snapshot.roles.roles("human:bob", "prod")
    assert "role:operator" not in later.roles.roles("human:bob", "prod")


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(text([rule()]))
    (tmp_path / "a.yml").write_bytes(text(PEOPLE))
    (tmp_path / "notes.txt").write_text("no policy")
    assert set(load([tmp_path], catalogue=CATALOGUE, clusters=CLUSTERS).rules) == {"web"}
    with pytest.raises(PolicyInvalid, match="no policy file"):
        load([], catalogue=CATALOGUE, clusters=CLUSTERS)
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        load([tmp_path / "none.yaml"], catalogue=CATALOGUE, clusters=CLUSTERS)
