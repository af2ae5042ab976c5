"""The transaction: what is cached is what is stored, indices follow it, and nothing of a failed one stays."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from sandbox.api.store import Key, Store, Transaction

WEB = Key("deployment", "shop", "web")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "world.db")


def pod(name: str, node: str | None, cpu: str = "100m", owner: str = "web-aaaaaaaaaa") -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]}
    owners = [{"kind": "ReplicaSet", "name": owner, "controller": True}]
    meta = {"name": name, "namespace": "shop", "ownerReferences": owners, "creationTimestamp": name}
    return {
        "kind": "Pod",
        "metadata": meta,
        "spec": spec | ({"nodeName": node} if node else {}),
        "status": {},
    }


def put(txn: Transaction, body: dict[str, Any], due_ms: int | None = None) -> None:
    txn.put(Key("pod", "shop", body["metadata"]["name"]), body, due_ms)


def test_what_is_put_is_there_at_once_and_afterwards(store: Store) -> None:
    with store.write() as txn:
        txn.put(WEB, {"v": 1}, 5)
        txn.set_meta("seed", 7)
        assert (txn.get(WEB), txn.all("deployment"), txn.due_of(WEB)) == ({"v": 1}, [{"v": 1}], 5)
        assert (txn.number("seed"), txn.meta("seed"), txn.count("seed")) == (7, "7", 8)
    with store.read() as txn:
        assert (txn.get(WEB), txn.next_due(), txn.number("seed")) == ({"v": 1}, 5, 8)


def test_a_deleted_object_is_gone_in_every_look(store: Store) -> None:
    with store.write() as txn:
        txn.put(WEB, {"v": 1}, 5)
    with store.write() as txn:
        txn.delete(WEB)
        assert (txn.get(WEB), txn.all("deployment"), txn.all("deployment", "shop")) == (None, [], [])
        assert (txn.next_due(), txn.due(10)) == (None, [])
    with store.read() as txn:
        assert (txn.get(WEB), txn.next_due()) == (None, None)


def test_a_list_sees_what_was_read_changed_and_deleted_before_it(store: Store) -> None:
    keys = [Key("deployment", "shop", name) for name in "abcd"]
    with store.write() as txn:
        for i, key in enumerate(keys):
            txn.put(key, {"v": i})
    with store.write() as txn:
        assert txn.get(keys[0]) == {"v": 0}
        txn.put(keys[1], {"v": 10})
        txn.delete(keys[2])
        txn.put(Key("deployment", "other", "e"), {"v": 4})
        assert [one["v"] for one in txn.all("deployment")] == [4, 0, 10, 3]
        assert [one["v"] for one in txn.all("deployment", "shop")] == [0, 10, 3]


def test_due_objects_come_in_order_and_stay_due(store: Store) -> None:
    with store.write() as txn:
        for name, due in (("b", 5), ("a", 5), ("c", 3), ("d", 9)):
            txn.put(Key("pod", "shop", name), pod(name, "n"), due)
        for _ in range(2):
            assert [p["metadata"]["name"] for p in txn.due(5)] == ["c", "a", "b"]
        put(txn, pod("c", "n"))
        put(txn, pod("a", "n"), 4)
        put(txn, pod("a", "n"), 5)
        assert (txn.next_due(), [p["metadata"]["name"] for p in txn.due(5)]) == (5, ["a", "b"])
    with store.read() as txn:
        assert [p["metadata"]["name"] for p in txn.due(9)] == ["a", "b", "d"]


def test_touched_is_told_once(store: Store) -> None:
    with store.write() as txn:
        txn.put(WEB, {"v": 1})
        put(txn, pod("web-1", None))
        txn.delete(Key("pod", "shop", "web-1"))
        assert txn.drain_touched() == {WEB, Key("pod", "shop", "web-1")}
        assert txn.drain_touched() == set()
        assert txn.all("deployment")
        assert txn.drain_touched() == set(), "a read touches nothing"


def test_nothing_of_a_failed_transaction_stays(store: Store) -> None:
    with store.write() as txn:
        txn.put(WEB, {"v": 1})

    def half() -> None:
        with store.write() as txn:
            txn.put(WEB, {"v": 2})
            txn.set_meta("key", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with store.read() as txn:
        assert (txn.get(WEB), txn.meta("key")) == ({"v": 1}, None)


def test_a_cleared_world_is_empty_in_the_same_transaction(store: Store) -> None:
    with store.write() as txn:
        txn.put(WEB, {"v": 1}, 5)
        put(txn, pod("web-1", "n"))
    with store.write() as txn:
        assert txn.pods.by_node == {"n": {Key("pod", "shop", "web-1")}}
        txn.clear()
        assert (txn.get(WEB), txn.all("pod"), txn.next_due(), txn.pods.by_node) == (None, [], None, {})


def scanned(txn: Transaction) -> dict[str, Any]:
    """The indices, made again by looking at every pod."""
    found: dict[str, Any] = {"nodes": {}, "waiting": [], "workloads": {}}
    for one in txn.all("pod"):
        meta, cpu = one["metadata"], one["spec"]["containers"][0]["resources"]["requests"]["cpu"]
        node = one["spec"].get("nodeName")
        if node is None:
            found["waiting"].append(meta["name"])
        else:
            found["nodes"][node] = found["nodes"].get(node, 0) + int(cpu.removesuffix("m"))
        owner = meta["ownerReferences"][0]["name"].rpartition("-")[0]
        found["workloads"].setdefault(owner, []).append(meta["name"])
    return found


def indexed(txn: Transaction) -> dict[str, Any]:
    pods = txn.pods
    return {
        "nodes": {node: room.cpu for node, room in sorted(pods.taken.items()) if room.pods},
        "waiting": sorted(key.name for key in pods.waiting),
        "workloads": {key.name: sorted(names) for key, names in sorted(pods.by_workload.items()) if names},
    }


@pytest.mark.parametrize("seed", range(8))
def test_indices_are_what_a_scan_finds(store: Store, seed: int) -> None:
    """Whatever is put, moved, resized, deleted, in one transaction or in several."""
    chance = random.Random(seed)
    for _ in range(6):
        with store.write() as txn:
            if chance.random() < 0.5:
                assert txn.pods_of(WEB) is not None
            for _ in range(30):
                name = f"web-{chance.randrange(12)}"
                if chance.random() < 0.3:
                    txn.delete(Key("pod", "shop", name))
                else:
                    node, cpu = chance.choice([None, "n1", "n2"]), f"{chance.randrange(1, 9) * 100}m"
                    put(txn, pod(name, node, cpu, chance.choice(["web-aaaaaaaaaa", "api-bbbbbbbbbb"])))
            assert indexed(txn) == scanned(txn)
    with store.read() as txn:
        assert indexed(txn) == scanned(txn)
        names = [p["metadata"]["name"] for p in txn.pods_of(WEB)]
        assert names == sorted(names)


def test_the_same_writes_make_the_same_file(tmp_path: Path) -> None:
    dumps = []
    for name, cuts in (("a", 1), ("b", 5)):
        store, chance = Store(tmp_path / name / "world.db"), random.Random(1)
        for _ in range(cuts):
            with store.write() as txn:
                for _ in range(20 // cuts):
                    put(txn, pod(f"web-{chance.randrange(9)}", "n", f"{chance.randrange(1, 9)}00m"), 7)
        with store.read() as txn:
            dumps.append(json.dumps(txn.all("pod")))
    assert dumps[0] == dumps[1]
