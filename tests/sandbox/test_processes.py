"""Several processes on one world, and processes that are killed in the middle of a write."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.api.errors import SandboxError
from sandbox.api.kinds import KINDS
from sandbox.api.store import Store
from sandbox.world import World
from tests.sandbox.actors import read, scale, shop
from tools.errors import DefiniteConflict

ROOT = Path(__file__).parents[2]
KILLS = 5

_SCALER = """
import sys
from pathlib import Path
from sandbox.world import World
from tests.sandbox.actors import scale, shop
from tools.errors import DefiniteConflict
world, name, rounds = World(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
done = 0
for i in range(rounds):
    try:
        scale(world, shop("web"), 2 + i % 10, intent=f"{name}-{i}")
        done += 1
    except DefiniteConflict:
        pass
print(done)
"""


_ADVANCER = """
import sys
from pathlib import Path
from sandbox.world import World
world = World(Path(sys.argv[1]))
print("begun", flush=True)
for _ in range(100_000):
    world.advance(1800)
"""


def scaler(folder: Path, name: str, rounds: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _SCALER, str(folder), name, str(rounds)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_take_turns(world: World, tmp_path: Path) -> None:
    """Each write is on the version that its process read: what both did is what the server's log holds."""
    before = read(world, shop("web"))
    processes = [scaler(tmp_path, name, 30) for name in ("a", "b")]
    done = [int(p.communicate(timeout=60)[0]) for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    arrivals = world.arrivals()
    assert sum(done) == sum(a.code == 200 for a in arrivals)
    assert {a.code for a in arrivals} <= {200, 409}
    versions = [int(a.resource_version) for a in arrivals if a.changed]
    assert versions == sorted(set(versions))
    assert read(world, shop("web")).generation == before.generation + sum(a.changed for a in arrivals)


def changes_in(world: World) -> int:
    """Writes that changed something: what asks for what is there already is none."""
    return sum(arrival.changed for arrival in world.arrivals())


def test_kill_9_leaves_the_world_whole(world: World, tmp_path: Path) -> None:
    """An effect and the line that tells of it are one transaction: killed anywhere, both are there or none."""
    before, chance = read(world, shop("web")), random.Random(3)
    for i in range(KILLS):
        process = scaler(tmp_path, f"p{i}", 100_000)
        seen = changes_in(world)
        while process.poll() is None and changes_in(world) == seen:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    changes = changes_in(world)
    assert changes >= KILLS
    assert read(world, shop("web")).generation == before.generation + changes
    assert sqlite3.connect(tmp_path / "world.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    world.advance(600)
    seen_web = read(world, shop("web"))
    assert seen_web.ready == seen_web.replicas


@pytest.mark.slow
def test_kill_9_in_mid_advance_leaves_a_time_and_the_world_of_that_time(tmp_path: Path) -> None:
    """Wherever it is killed: the world is what an undisturbed one is at the same moment."""
    uid, chance = "11111111-2222-4333-8444-555555555555", random.Random(5)
    world, calm = World(tmp_path / "killed"), World(tmp_path / "calm")
    for one in (world, calm):
        one.reset(cluster_uid=uid)
    for _ in range(KILLS):
        command = [sys.executable, "-c", _ADVANCER, str(tmp_path / "killed")]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        begin = world.now_ms()
        while process.poll() is None and world.now_ms() == begin:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    passed = world.now_ms() - calm.now_ms()
    assert passed > 0
    assert passed % 1_800_000 == 0
    calm.advance(passed // 1000)
    assert contents(world) == contents(calm)


def contents(world: World) -> list[object]:
    with world.store.read() as txn:
        return [txn.all(kind) for kind in KINDS]


def test_two_processes_advance_and_scale(world: World, tmp_path: Path) -> None:
    """Time that one lets pass and writes that another sends take turns; both see one world."""
    command = [sys.executable, "-c", _ADVANCER.replace("100_000", "20"), str(tmp_path)]
    begin, before = world.now_ms(), read(world, shop("web"))
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True),
        scaler(tmp_path, "a", 20),
    ]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert world.now_ms() == begin + 20 * 1_800_000
    changed = sum(a.changed for a in world.arrivals())
    assert read(world, shop("web")).generation == before.generation + changed


def test_a_forked_child_opens_the_world_itself(world: World) -> None:
    child = os.fork()
    if child == 0:
        try:
            scale(world, shop("web"), 9)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert read(world, shop("web")).replicas == 9
    assert scale(world, shop("web"), 5).replicas == 5


def test_a_stale_process_gets_a_conflict(world: World, tmp_path: Path) -> None:
    seen = read(world, shop("web"))
    scale(World(tmp_path), shop("web"), 6)
    with pytest.raises(DefiniteConflict):
        scale(world, shop("web"), 7, seen=seen)


def test_a_world_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "world.db").write_bytes(b"no database at all, but long enough to be read as one" * 20)
    with pytest.raises(SandboxError, match="damaged"):
        World.open(tmp_path)


def test_a_world_of_another_format_is_refused(world: World, tmp_path: Path) -> None:
    world.close()
    db = sqlite3.connect(tmp_path / "world.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SandboxError, match="format 99"):
        World.open(tmp_path)


def test_an_exception_leaves_nothing_of_a_transaction(tmp_path: Path) -> None:
    store = Store(tmp_path / "world.db")

    def half() -> None:
        with store.write() as txn:
            txn.set_meta("key", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with store.read() as txn:
        assert txn.meta("key") is None
