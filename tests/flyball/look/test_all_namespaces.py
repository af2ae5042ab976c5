"""`flyball get -A`: every namespace that policy lets the person list, and not a look into the others."""

import json
from pathlib import Path
from typing import Any

import pytest

from flyball.exits import Exit
from sandbox.cluster import SimulatedCluster
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, allow, deny, target, write_policy
from tools.cluster_types import Workload
from tools.errors import NeverHappened

MANIFEST = """
{{apiVersion: v1, kind: Namespace, metadata: {{name: {0}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {0}, labels: {{tier: {0}}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: app, image: "registry.example/web:1", resources: {{requests: {{cpu: 100m}}}}}}]}}
---
"""
EVERY = target(namespaces=["*"])


@pytest.fixture
def spaces(flyball: Flyball, home: Path) -> Flyball:
    """The shop, and a deployment `web` in each of `data` and `secret`."""
    (home / "more.yaml").write_text("".join(MANIFEST.format(name) for name in ("data", "secret")), "utf-8")
    assert flyball(f"sandbox load {home}/more.yaml").code == Exit.DONE
    return flyball


class Watched:
    """What was asked of the cluster: the namespaces of its lists."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lists: list[str | None] = []
        really = SimulatedCluster.list_workloads

        async def noted(cluster: SimulatedCluster, namespace: str | None, *more: Any) -> list[Workload]:
            self.lists.append(namespace)
            return await really(cluster, namespace, *more)

        monkeypatch.setattr(SimulatedCluster, "list_workloads", noted)


def reads(flyball: Flyball) -> list[dict[str, Any]]:
    found = flyball("audit tail --lines 50 --kind tool.read -o json").document["items"]
    return [one["record"] for one in found]


def names(out: str) -> list[tuple[str, str]]:
    head, *rows = [line.split() for line in out.splitlines()]
    assert head[:2] == ["NAMESPACE", "NAME"]
    return [(row[0], row[1]) for row in rows]


@pytest.mark.parametrize("flag", ["-A", "--all-namespaces"])
def test_every_namespace_with_its_name_first(spaces: Flyball, flag: str) -> None:
    done = spaces(f"get {flag}")
    assert done.code == Exit.DONE, done.err
    found = names(done.out)
    assert {("data", "deployment/web"), ("secret", "deployment/web"), ("shop", "deployment/web")} <= set(
        found
    )
    assert found == sorted(found, key=lambda one: one[0])
    assert "left out" not in done.err
    assert "data/deployment/web" in done.err, "what is missing is told with its namespace"


def test_kinds_labels_and_shapes_as_ever(spaces: Flyball) -> None:
    assert set(names(spaces("get sts -A").out)) == {("shop", "statefulset/worker")}
    assert set(names(spaces("get -A -l tier=data").out)) == {("data", "deployment/web")}
    found = spaces("get deploy -A -o json").document
    assert (found["kind"], found["namespaces_left_out"]) == ("WorkloadList", 0)
    assert {one["namespace"] for one in found["items"]} == {"data", "secret", "shop"}
    assert spaces("get -A -l tier=nobody").err == "no workloads in sandbox\n"


def test_what_policy_keeps_back_is_never_read_and_said_once(
    spaces: Flyball, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = write_policy(
        home / "p",
        [LOCAL, allow("look", ["read"], EVERY), deny("no", ["read"], target(namespaces=["secret"]))],
    )
    asked = Watched(monkeypatch)
    done = spaces(f"get -A --policies {policies} --no-base")
    assert done.code == Exit.DONE, done.err
    assert {space for space, _ in names(done.out)} == {"data", "shop"}
    assert "secret" not in done.out + done.err
    assert done.err.count("left out: 1 namespace that policy does not let you list") == 1
    assert None not in asked.lists
    assert "secret" not in asked.lists


def test_all_that_may_be_listed_is_one_list_of_the_cluster(
    spaces: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Watched(monkeypatch)
    assert spaces("get -A").code == Exit.DONE
    assert asked.lists == [None]


def test_a_namespace_that_was_made_meanwhile_was_not_screened(
    spaces: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def before(cluster: SimulatedCluster) -> list[str]:
        return ["data", "shop"]

    monkeypatch.setattr(SimulatedCluster, "namespaces", before)
    assert {space for space, _ in names(spaces("get -A").out)} == {"data", "shop"}


def test_each_namespace_has_its_record(spaces: Flyball, home: Path) -> None:
    before = len(reads(spaces))
    spaces("get -A")
    fresh = reads(spaces)[before:]
    told = {one["resource"]["namespace"]: one["observation"] for one in fresh}
    assert told.keys() >= {"data", "secret", "shop", "kube-system", "default"}
    assert told["shop"]["shown"] == 6
    assert (told["data"]["shown"], told["data"]["hidden"]) == (1, 0)
    assert len({told[name]["figures_sha256"] for name in ("data", "shop", "default")}) == 3


def test_nobody_looks_past_policy(spaces: Flyball, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies = write_policy(
        home / "p", [LOCAL, allow("scale-only", ["scale"], limits={"replicas": {"min": 2, "max": 12}})]
    )
    asked = Watched(monkeypatch)
    done = spaces(f"get -A --policies {policies} --no-base -o json")
    assert done.code == Exit.REFUSED
    assert asked.lists == []
    assert "secret" not in json.dumps(done.document)


def test_labels_hide_workloads_of_a_namespace_that_may_be_listed(spaces: Flyball, home: Path) -> None:
    rules = [
        allow("list", ["list_workloads"], EVERY),
        allow(
            "look",
            ["describe_workload", "read_metrics"],
            target(namespaces=["*"], labels={"tier": "data"}),
        ),
    ]
    done = spaces(f"get -A --no-base --policies {write_policy(home / 'p', [LOCAL, *rules])}")
    assert done.code == Exit.DONE, done.err
    assert names(done.out) == [("data", "deployment/web")]


def test_a_cluster_that_does_not_let_namespaces_be_listed_says_so(
    spaces: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(cluster: SimulatedCluster) -> list[str]:
        raise NeverHappened(
            "namespaces is forbidden", where="GET /api/v1/namespaces", code="Forbidden", http=403
        )

    monkeypatch.setattr(SimulatedCluster, "namespaces", forbidden)
    done = spaces("get -A")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "forbidden" in done.err


@pytest.mark.parametrize("line", ["get -A -n shop", "get -n shop -A", "get deploy/web -A", "get web -A"])
def test_what_it_cannot_be_said_with(spaces: Flyball, line: str) -> None:
    done = spaces(line)
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert "-A is all namespaces" in done.err


def test_a_namespace_from_the_settings_is_no_contradiction(
    spaces: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_NAMESPACE", "shop")
    assert spaces("get -A").code == Exit.DONE
