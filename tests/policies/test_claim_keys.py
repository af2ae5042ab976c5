"""The keys of claims: made in one module, and the same for ever, since every log that was written holds them."""

import ast
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from policies import claim_keys
from policies.claim_keys import ClaimKey
from policies.types import Target

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "tools", "policies", "audit", "forecasting", "sandbox", "flyball", "base")
STATE = ROOT / "tests/audit/data/state-0.1.tar.gz"

STORED = {
    "STOP": "stop/",
    "POLICY_EPOCH": "policy/epoch/",
    "CLOCK": "clock/",
    "CHANGED": "changed/",
    "TAINT": "taint/",
    "APPROVAL": "approval/",
    "ATTEMPT": "attempt/",
    "NONCE": "nonce/",
    "FENCE": "fence/",
    "BUSY": "busy/",
    "ENDED": "ended/",
    "RESOLVING": "resolving/",
    "SETTLED": "settled/",
    "VERIFY": "verify/",
    "DENIED": "denied/",
    "PLAN": "plan/",
    "EVENT": "event/",
    "FINDING": "finding/",
    "NOTIFIED": "notified/",
    "ENVELOPE": "envelope/",
    "COOLED": "cooled/",
    "SCORE": "score/",
    "WORSE": "worse/",
    "ROLLBACKS": "rollbacks/",
    "ROLLED_BACK": "rolled_back/",
    "LEVEL": "level/",
    "RETIRED": "retired/",
    "SPENT": "spent/",
    "MOVED": "moved/",
    "RADIUS": "radius/",
    "COUNTED": "counted/",
    "PAUSED": "paused/",
}
"""As they stand in logs since 0.1. A line that changes here loses what older logs know."""

LOGS_OWN = "log/opened"
V1 = {"holds": "equals", "since": "min_gap", "put": "set"}
"""What records of version 1 call three of the claims."""


def test_the_stored_names_are_what_they_were() -> None:
    assert {name: key.prefix for name, key in vars(claim_keys).items() if isinstance(key, ClaimKey)} == STORED
    assert [key.prefix for key in claim_keys.ALL] == list(STORED.values())
    assert claim_keys.ATTEMPT.of("request-1/2") == "attempt/request-1/2"
    assert claim_keys.STOP.of("cluster/prod") == "stop/cluster/prod"
    assert claim_keys.first_bits("f" * 64) == 2**52 - 1


@pytest.mark.parametrize("key", claim_keys.ALL, ids=lambda key: key.prefix)
def test_no_key_is_of_two_families(key: ClaimKey) -> None:
    mine = key.of("a/1")
    assert [other for other in claim_keys.ALL if other.has(mine)] == [key]
    assert key.name_in(mine) == "a/1"


def _spelt(source: str) -> Iterator[str]:
    """The strings of a module that begin as a key does; what is said in docstrings is not meant."""
    tree = ast.parse(source)
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    begin = (*STORED.values(), LOGS_OWN)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield from [f"line {node.lineno}: {node.value}"] if node.value.startswith(begin) else []


def test_no_key_is_spelt_anywhere_else() -> None:
    homes = {"policies/claim_keys.py": list(STORED.values()), "audit/log.py": [LOGS_OWN]}
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            spelt = [one.partition(": ")[2] for one in _spelt(path.read_text(encoding="utf-8"))]
            if spelt != homes.get(name, []):
                found[name] = spelt
    assert not found, "make it in policies/claim_keys.py"


@pytest.mark.parametrize(
    "line", ['f"busy/{target.key}"', '"stop/all"', 'f"attempt/{id}/{n}"', '"log/opened"']
)
def test_a_key_that_is_spelt_is_seen(line: str) -> None:
    assert list(_spelt(f"def f(target, id, n):\n    return {line}\n"))


def test_every_claim_of_a_log_of_0_1_is_explained(tmp_path: Path) -> None:
    with tarfile.open(STATE) as archive:
        archive.extractall(tmp_path, filter="data")
    rows = (
        sqlite3.connect(tmp_path / "sandbox" / "audit.db").execute("SELECT body FROM audit_entry").fetchall()
    )
    told = [claim for (body,) in rows for claim in orjson.loads(body).get("claims", ())]
    for claim in told:
        if claim["key"] != LOGS_OWN:
            (family,) = [key for key in claim_keys.ALL if key.has(claim["key"])]
            assert V1.get(claim["kind"], claim["kind"]) in family.claims, claim
    assert len(told) == 81


@pytest.mark.parametrize("key", claim_keys.ALL, ids=lambda key: key.prefix)
def test_the_auditors_table_names_it(key: ClaimKey) -> None:
    lines = (ROOT / "docs/audit.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{key.prefix}`")]
    assert row.endswith(f"| {key.means} | {', '.join(key.claims)} | {key.set_back} |")


def test_no_two_targets_have_one_key() -> None:
    """A cluster's name may hold a `/`, as EKS's do; nothing else of a key may, so that it is taken apart one way."""
    clusters = ("a", "a/b", "a//b", "a/b/deployment", "a/b/deployment/web", "arn:aws:eks:eu:1:cluster/prod")
    made = [
        Target(cluster=cluster, namespace=namespace, kind=kind, name=name)
        for cluster in clusters
        for namespace in (None, "b", "deployment", "web")
        for kind in ("b", "deployment", "web")
        for name in ("b", "deployment", "web")
    ]
    assert len({target.key for target in made}) == len(made)
    for more in (
        {"namespace": "a/b"},
        {"kind": "a/b"},
        {"name": "a/b"},
        {"cluster": "a/"},
        {"cluster": "/a"},
    ):
        with pytest.raises(ValidationError):
            Target(**{"cluster": "a", "namespace": "b", "kind": "deployment", "name": "web", **more})
