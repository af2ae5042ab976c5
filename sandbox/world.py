"""A world that lasts between commands: objects and virtual time in one file, moving only when told.

Several processes may hold the same world open; each change of it is whole or not there at all.
"""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from audit.clock import Clock, SystemClock
from sandbox import endpoint, faults
from sandbox.apiserver import ApiServer, Write
from sandbox.controllers import advance_to, settle
from sandbox.endpoint import Arrival
from sandbox.errors import SandboxError
from sandbox.faults import Fault, Seeded
from sandbox.loading import put
from sandbox.manifests import base, default_world
from sandbox.store import Json, Key, Store, Transaction

START_MS = 1_772_460_000_000
"""Where a new world begins: Monday 2026-03-02, 14:00 UTC, a busy hour."""

_WEEK_MS = 7 * 86_400_000
_SETTLING_S = 3600
"""A new world was made an hour before it begins: its pods are ready and its leaks have leaked."""


class World:
    """The simulated cluster's state folder. Raises SandboxError where it cannot be opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "world.db")

    @classmethod
    def open(cls, folder: Path) -> "World":
        """The world in that folder; the default one is made where there is none yet."""
        world = cls(folder)
        with world.store.read() as txn:
            there = txn.meta("cluster_uid") is not None
        if not there:
            world.reset()
        return world

    def reset(
        self,
        documents: Iterable[Json] | None = None,
        *,
        seed: int = 1,
        cluster_uid: str | None = None,
        start_ms: int | None = None,
    ) -> None:
        """Begin anew, as another cluster: with `documents` on bare nodes, or with the default world (None).

        The same seed, cluster UID and start make the same world, byte for byte. A new UID is random; a new
        start is START_MS, or as many weeks later as the world before needs: the log that goes with this folder
        remembers times (cooldowns, approvals), and time never goes back for it.
        """
        wanted = default_world() if documents is None else list(documents)
        with self.store.write() as txn:
            begin = _next_start(txn.number("now_ms")) if start_ms is None else start_ms
            txn.clear()
            txn.set_meta("cluster_uid", cluster_uid or str(uuid.uuid4()))
            txn.set_meta("seed", seed)
            txn.set_meta("resource_version", 1000)
            txn.set_meta("now_ms", begin - _SETTLING_S * 1000)
            put(txn, [*base(), *wanted])
            _adopt_cluster_uid(txn)
            _advance(txn, _SETTLING_S * 1000)

    def load(self, documents: Iterable[Json]) -> list[Key]:
        """Add or change objects as `kubectl apply` would; returns what was touched. All of it or nothing.

        Raises SandboxError or ApiError for a manifest that the cluster refuses.
        """
        with self.store.write() as txn:
            return put(txn, documents)

    def delete(self, key: Key) -> None:
        """Delete an object and what it owns. Raises ApiError 404."""
        with self.store.write() as txn:
            api = ApiServer(txn, txn.number("now_ms"))
            api.delete(key)
            settle(api, key)

    def advance(self, seconds: int) -> int:
        """Let that much virtual time pass; returns the new time in Unix ms. Time never goes back."""
        if seconds < 0:
            raise SandboxError(
                "the world's time cannot go back", mend="flyball sandbox reset begins a new world"
            )
        with self.store.write() as txn:
            return _advance(txn, seconds * 1000)

    def now_ms(self) -> int:
        """The world's time in Unix milliseconds."""
        with self.store.read() as txn:
            return txn.number("now_ms")

    def cluster_uid(self) -> str:
        with self.store.read() as txn:
            return txn.meta("cluster_uid") or ""

    def seed(self) -> int:
        with self.store.read() as txn:
            return txn.number("seed")

    def clock(self, real: Clock | None = None) -> "WorldClock":
        """A clock for the rooms that work in this world."""
        return WorldClock(self, real or SystemClock())

    def send(self, call: Write) -> Json:
        """Write as anybody (no permit, past the faults). Raises ApiError."""
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

    def heal(self) -> None:
        """Drop the plan of faults."""
        with self.store.write() as txn:
            faults.clear(txn)

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
    """The gate's time is the world's; deadlines of processes (leases, timeouts) go by the machine's clock.

    `sleep` waits in real seconds: the world moves only when somebody advances it.
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
        await asyncio.sleep(seconds)


def _next_start(before_ms: int) -> int:
    weeks = max(0, -((START_MS - _SETTLING_S * 1000 - before_ms) // _WEEK_MS))
    return START_MS + weeks * _WEEK_MS


def _adopt_cluster_uid(txn: Transaction) -> None:
    """A cluster's UID is that of its namespace kube-system."""
    key = Key("namespace", "", "kube-system")
    body = txn.get(key) or {}
    body["metadata"]["uid"] = txn.meta("cluster_uid")
    txn.put(key, body)


def _advance(txn: Transaction, span_ms: int) -> int:
    """From event to event, so that what follows from one sees the time at which it happened."""
    end = txn.number("now_ms") + span_ms
    while (due := txn.next_due()) is not None and due <= end:
        now = max(due, txn.number("now_ms"))
        txn.set_meta("now_ms", now)
        advance_to(ApiServer(txn, now), txn.due(now))
    txn.set_meta("now_ms", end)
    return end
