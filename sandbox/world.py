"""A world that lasts between commands: objects and virtual time in one file, moving only by `advance`.

Several processes may hold the same world open; each change of it is whole or not there at all.
"""

import asyncio
import itertools
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from audit.clock import Clock, SystemClock
from sandbox import disturbances, endpoint
from sandbox.api import faults
from sandbox.api.apiserver import ApiServer, Write
from sandbox.api.errors import SandboxError
from sandbox.api.faults import Fault, Seeded
from sandbox.api.store import Json, Key, Store, Transaction
from sandbox.apply_manifests import put, refuse_idle_loads
from sandbox.controllers.workloads import advance_to, settle
from sandbox.endpoint import Arrival
from sandbox.manifest_files import base, default_world

if TYPE_CHECKING:
    from sandbox.engine.run import Engine

Progress = Callable[[int, int], None]

START_MS = 1_772_460_000_000
"""Where a new world begins: Monday 2026-03-02, 14:00 UTC, a busy hour."""

_WEEK_MS = 7 * 86_400_000
HISTORY_S = 86_400
"""How much a new world has lived through when it begins, where nobody says otherwise."""

NEW = "sandbox.flyball.io/new"
"""The annotation of what came an hour before the world begins, and not when its past did."""

_SETTLING_S = 3600
"""Everything is there an hour before the world begins: pods are ready and leaks have leaked."""


class World:
    """The simulated cluster's state folder. Raises SandboxError where it cannot be opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "world.db")
        self._engine: Engine | None = None
        self.begun = False
        """Whether `open` found none there, and began it."""
        self.is_driven = False
        """Whether who waits on its clock lets its time pass (`driven`)."""

    @classmethod
    def open(cls, folder: Path) -> "World":
        """The world in that folder; the default one is made where there is none yet."""
        world = cls(folder)
        with world.store.read() as txn:
            there = txn.meta("cluster_uid") is not None
        if not there:
            world.reset()
            world.begun = True
        return world

    def set_aside(self) -> Path:
        """Move the file out of the way, as `world.db.damaged-1` or the next number; returns where it is now."""
        self.store.close()
        path = self.store.path
        numbered = (path.with_name(f"{path.name}.damaged-{n}") for n in itertools.count(1))
        aside = next(one for one in numbered if not one.exists())
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        return aside

    def reset(
        self,
        documents: Iterable[Json] | None = None,
        *,
        seed: int = 1,
        cluster_uid: str | None = None,
        start_ms: int | None = None,
        history_s: int = HISTORY_S,
        progress: Progress | None = None,
    ) -> None:
        """Begin again, as another cluster: with `documents` on bare nodes, or with the default world (None).

        It has lived through `history_s` seconds (an hour at least) before it begins; objects annotated with NEW
        came an hour before. The same seed, cluster UID, start and history make the same world, byte for byte.
        A new UID is random; a new start is START_MS, or as many weeks later as the world before needs: the log
        that goes with this folder remembers times (cooldowns, approvals), and time never goes back for it.
        """
        from sandbox import history

        wanted = default_world() if documents is None else list(documents)
        with self.store.write() as txn:
            begin = _next_start(txn.number("now_ms")) if start_ms is None else start_ms
            txn.clear()
            history.clear(txn)
            self._engine = None
            txn.set_meta("cluster_uid", cluster_uid or str(uuid.uuid4()))
            txn.set_meta("seed", seed)
            txn.set_meta("resource_version", 1000)
            past_s = max(_SETTLING_S, history_s)
            txn.set_meta("now_ms", begin - past_s * 1000)
            put(txn, [*base(), *(one for one in wanted if not _is_new(one))])
            _adopt_cluster_uid(txn)
            self._advance(txn, (past_s - _SETTLING_S) * 1000, progress)
            put(txn, filter(_is_new, wanted))
            self._advance(txn, _SETTLING_S * 1000)
            self._show(txn)

    def load(self, documents: Iterable[Json]) -> list[Key]:
        """Add or change objects as `kubectl apply` would; returns what was touched. All of it or nothing.

        Raises SandboxError or ApiError for a manifest that the cluster refuses.
        """
        with self.store.write() as txn:
            touched = put(txn, documents)
            refuse_idle_loads(txn, touched)
            return touched

    def delete(self, key: Key) -> None:
        """Delete an object and what it owns. Raises ApiError 404."""
        with self.store.write() as txn:
            api = ApiServer(txn, txn.number("now_ms"))
            api.delete(key)
            settle(api, key)

    def advance(self, seconds: int, progress: Progress | None = None) -> int:
        """Let that much virtual time pass; returns the new time in Unix ms. Time never goes back.

        All of it or nothing: interrupted, it leaves the world as it was. `progress` is called with how many
        milliseconds of how many have passed; what it raises ends the advance.
        """
        if seconds < 0:
            raise SandboxError(
                "the world's time cannot go back", hint="flyball sandbox reset begins a new world"
            )
        with self.store.write() as txn:
            now_ms = self._advance(txn, seconds * 1000, progress)
            if not self.is_driven:
                self._show(txn)
            return now_ms

    def _show(self, txn: Transaction) -> None:
        """Bring what only people look at up to date, after an advance or at the end of many."""
        if self._engine is not None and self._engine.holds(txn):
            self._engine.show()

    def _advance(self, txn: Transaction, span_ms: int, progress: Progress | None = None) -> int:
        """From event to event, so that what follows from one sees the time at which it happened."""
        begin = txn.number("now_ms")
        end = begin + span_ms
        engine = self._at_work(txn, begin, end)
        while (step := _next(txn.next_due(), engine.next_ms())) is not None and step[0] <= end:
            at, by_itself = max(step[0], txn.number("now_ms")), step[1]
            txn.set_meta("now_ms", at)
            if by_itself:
                engine.act(at)
            else:
                advance_to(ApiServer(txn, at), txn.due(at))
                engine.changed(at)
            if progress is not None:
                progress(at - begin, span_ms)
        engine.finish()
        txn.set_meta("now_ms", end)
        return end

    def _at_work(self, txn: Transaction, begin_ms: int, end_ms: int) -> "Engine":
        """The engine that came to `begin_ms` while nobody else has changed the file since, else a new one."""
        # numpy comes with the engine: no command waits for it that does not move time.
        from sandbox.engine.run import Engine

        if self._engine is not None and self._engine.holds(txn):
            self._engine.go_on(end_ms)
        else:
            self._engine = Engine(txn, begin_ms, end_ms)
        return self._engine

    def now_ms(self) -> int:
        """The world's time in Unix milliseconds."""
        return self.store.number("now_ms")

    def cluster_uid(self) -> str:
        with self.store.read() as txn:
            return txn.meta("cluster_uid") or ""

    def seed(self) -> int:
        with self.store.read() as txn:
            return txn.number("seed")

    @contextmanager
    def driven(self) -> Iterator[None]:
        """While it lasts, whoever waits on this world's clock lets its time pass and does not wait; the figures in an
        HPA's status are those of its last decision until it is over (what an HPA decides is never late)."""
        self.is_driven = True
        try:
            yield
        finally:
            self.is_driven = False
            with self.store.write() as txn:
                self._show(txn)

    def clock(self, real: Clock | None = None) -> "WorldClock":
        """A clock for the packages that work in this world."""
        return WorldClock(self, real or SystemClock())

    def send(self, call: Write) -> Json:
        """Write as any manager (no permit, no injected faults). Raises ApiError."""
        with self.store.write() as txn:
            api = ApiServer(txn, txn.number("now_ms"))
            body = api.write(call)
            if not call.dry_run:
                settle(api, call.key)
        return body

    def inject(self, planned: Sequence[Fault | Seeded]) -> None:
        """Add to the plan of faults."""
        with self.store.write() as txn:
            faults.plan(txn, planned)

    def disturb(self, key: Key | None = None, **how: str) -> None:
        """Spoil the metrics of a workload (None: of all) from now on: `metric` (one; else all), `gaps`, `lag`
        and `noise`, as a Load writes them. Raises SandboxError."""
        with self.store.write() as txn:
            disturbances.disturb(txn, key, dict(how))

    def heal(self) -> None:
        """Drop the plan of faults, and what was wrong with metrics."""
        with self.store.write() as txn:
            faults.clear(txn)
            txn.set_meta(disturbances.DISTURBED, "[]")

    def deny(self, *rights: str) -> None:
        """What Flyball's own account may not do from now on, such as `patch deployments/scale`; replaces the
        rights denied before."""
        with self.store.write() as txn:
            txn.set_meta("denied", ",".join(rights))

    def release(self) -> list[Arrival]:
        """Let the delayed writes arrive now."""
        return endpoint.release(self.store)

    def arrivals(self) -> list[Arrival]:
        """The server's own log of Flyball's writes."""
        return endpoint.arrivals(self.store)

    def close(self) -> None:
        self.store.close()


class WorldClock:
    """The gate's time is the world's; deadlines of processes (leases, timeouts) use the machine's clock.

    `sleep` waits in real seconds, for the world moves only when it is advanced; where the world is driven it advances
    the world instead.
    """

    def __init__(self, world: World, real: Clock) -> None:
        self._world, self._real = world, real

    def wall_ms(self) -> int:
        return self._real.wall_ms()

    def mono_us(self) -> int:
        return self._real.mono_us()

    def world_ms(self) -> int | None:
        return self._world.now_ms()

    async def sleep(self, seconds: float) -> None:
        if self._world.is_driven:
            self._world.advance(math.ceil(seconds))
            seconds = 0
        await asyncio.sleep(seconds)


def _next_start(before_ms: int) -> int:
    weeks = max(0, -((START_MS - _SETTLING_S * 1000 - before_ms) // _WEEK_MS))
    return START_MS + weeks * _WEEK_MS


def _is_new(manifest: Json) -> bool:
    """Read with care: nobody has looked at the manifest yet."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and NEW in annotations


def _adopt_cluster_uid(txn: Transaction) -> None:
    """A cluster's UID is that of its namespace kube-system."""
    key = Key("namespace", "", "kube-system")
    body = txn.get(key) or {}
    body["metadata"]["uid"] = txn.meta("cluster_uid")
    txn.put(key, body)


def _next(due: int | None, load: int | None) -> tuple[int, bool] | None:
    """What comes first, and whether it follows from load; what the store holds due comes before that."""
    known = [(at, by_load) for at, by_load in ((due, False), (load, True)) if at is not None]
    return min(known) if known else None
