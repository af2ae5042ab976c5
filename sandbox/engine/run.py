"""The engine: lets every workload live from one change to the next, and says when something happens by itself.

What the API keeps (pods that become ready, back-offs, changes by others) comes due in the store; what follows
from load (memory that overflows, autoscalers that move) is found here, by looking ahead over a stretch of ticks
with the pods as they are. At one moment the order is: first what is due in the store, then that moment's tick,
then what follows from it. So it does not matter into how many pieces a span of time is cut.
"""

import heapq
import json

import numpy as np

from forecasting.hpa.rules import Memory
from forecasting.hpa.spec import parsed as spec_of
from sandbox import history
from sandbox.api.apiserver import ApiServer
from sandbox.api.claim_rules import CLAIM
from sandbox.api.kinds import WORKLOADS, key_of
from sandbox.api.store import Json, Key, Transaction
from sandbox.controllers.pods import oom_kill, workload_of
from sandbox.controllers.workloads import settle
from sandbox.engine.aims import AIMED, HPA, Aims
from sandbox.engine.autoscaling import Watch, carry_out, memories, refresh, remember, watch_of
from sandbox.engine.now import STATE
from sandbox.engine.track import Block, Track
from sandbox.load.manifest import Load, load_of
from sandbox.serving.pods import PodState, state_of
from sandbox.serving.queue import TICK_MS
from sandbox.serving.samples import seed_text
from sandbox.serving.volumes import Volume, volumes_of

_KEPT = ("left", "before", "restarts", "kills")
"""Of a track's state, what lasts between advances."""

_AHEAD_MS = 7_200_000
"""How far beyond its end an engine that goes on looks: whoever has stepped twice will step again."""


class Engine:
    """All workloads of a world, from `now_ms` to `end_ms` (Unix ms), and on from there while its transaction is the
    same: then only what was changed since is looked at again."""

    def __init__(self, txn: Transaction, now_ms: int, end_ms: int) -> None:
        self._txn, self._end, self._horizon = txn, end_ms, end_ms
        self._saved: dict[str, dict[str, int]] = json.loads(txn.meta(STATE) or "{}")
        self._aims = Aims(txn)
        self._states: dict[Key, tuple[str, PodState]] = {}
        self._memories = memories(txn)
        self._tracks: dict[Key, Track] = {}
        self._homes: dict[Key, Key] = {}
        self._heap: list[tuple[int, Key]] = []
        self._wakes: dict[Key, int] = {}
        self._ended: list[Track] = []
        txn.drain_touched()
        self._refresh({key_of(w) for kind in WORKLOADS for w in txn.all(kind)}, now_ms + 1)
        self._saved = {}

    def holds(self, txn: Transaction) -> bool:
        """Whether it may go on with that transaction."""
        return self._txn is txn

    def go_on(self, end_ms: int) -> None:
        """From the end that is reached to a later one; what others changed in between counts from now on."""
        reached, self._end, self._horizon = self._end, end_ms, end_ms + _AHEAD_MS
        self.changed(reached + 1)
        for key, track in sorted(self._tracks.items()):
            if key not in self._wakes:
                self._plan(track)

    def next_ms(self) -> int | None:
        """When something happens by itself next; None if nothing does before the end."""
        while self._heap and self._wakes.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def act(self, now_ms: int) -> None:
        """Let happen what happens at that tick."""
        api = ApiServer(self._txn, now_ms)
        while self.next_ms() == now_ms:
            key = heapq.heappop(self._heap)[1]
            del self._wakes[key]
            self._act(api, self._tracks[key])
        self.changed(now_ms + TICK_MS)

    def changed(self, from_ms: int) -> None:
        """Objects were changed: the ticks before `from_ms` are as they were, those from it on are computed again."""
        touched = self._txn.drain_touched()
        self._refresh({k for one in touched for k in self._concerned(one)}, from_ms)

    def finish(self) -> None:
        """Settle all ticks up to the end, and store history and state; the HPAs' figures follow by `show`."""
        for track in self._tracks.values():
            track.settle(self._end)
        for track in (*self._ended, *self._tracks.values()):
            _record(self._txn, track)
        self._ended.clear()
        remember(self._txn, self._watches())
        self._memories = {}
        saved = {"/".join(t.key): state for t in self._tracks.values() if (state := _state(t))}
        self._txn.set_meta(STATE, json.dumps(saved, sort_keys=True, separators=(",", ":")))
        self._txn.drain_touched()

    def show(self) -> None:
        """Bring the figures of the HPAs up to date: those of the last sync, which is at the last tick."""
        for track in self._tracks.values():
            if track.watch is None or track.shown is None:
                continue
            scene, at = track.shown
            last = int(scene.times[at])
            if track.watch.asked_ms != last:
                refresh(self._txn, track.watch.key, track.watch.ask(scene, at), last)
        self._txn.drain_touched()  # figures of our own: nobody's life depends on them

    def _watches(self) -> list[Watch]:
        return [track.watch for track in self._tracks.values() if track.watch is not None]

    def _act(self, api: ApiServer, track: Track) -> None:
        block = track.block
        track.settle(api.now_ms)
        if block is None:
            return
        track.learn(len(block.times), stopped=bool(block.full) or block.asks)
        for state in block.full:
            pod = self._txn.get(Key("pod", track.key.namespace, state.name))
            if pod is not None and oom_kill(api, pod, state.container):
                track.kills += 1
                settle(api, track.key)
        if block.asks and track.watch is not None:
            self._ask(api, track, track.watch, block)
        self._plan(track)

    def _ask(self, api: ApiServer, track: Track, watch: Watch, block: Block) -> None:
        scene = track.scene(block.groups, block.served, block.times)
        decision = watch.ask(scene, len(block.times) - 1)
        standing = (watch.active, watch.limited)
        was_active = watch.active
        watch.note(decision, api.now_ms)
        # What changes nothing is not written: its figures follow (`show`).
        if (
            decision.rescale
            or standing != (watch.active, watch.limited)
            or api.get(watch.key).get("status") is None
        ):
            carry_out(api, watch.key, track.key, decision, was_active=was_active)

    def _plan(self, track: Track) -> None:
        """Look ahead, and wake when the stretch ends."""
        if track.next_ms > self._end:
            self._wakes.pop(track.key, None)
            return
        last = int(track.plan(self._horizon).times[-1])
        self._wakes[track.key] = last
        heapq.heappush(self._heap, (last, track.key))

    def _concerned(self, key: Key) -> list[Key]:
        """The workloads whose life an object is part of."""
        if key.kind in WORKLOADS:
            return [key]
        if key.kind == "pod":
            pod = self._txn.get(key)
            home = self._homes.pop(key, None) if pod is None else workload_of(pod)
            if pod is None:
                self._states.pop(key, None)
            return [home] if home is not None else []
        if key.kind in AIMED:
            return self._aims.changed(self._txn, key)
        if key.kind == CLAIM:
            return [home for home, track in self._tracks.items() if track.mounts(key)]
        return []

    def _refresh(self, keys: set[Key], from_ms: int) -> None:
        for key in sorted(keys):
            track = self._tracks.get(key)
            if track is not None:
                track.settle(from_ms - 1)
            if self._txn.get(key) is None:
                self._forget(key)
            elif track is None:
                self._begin(key, from_ms)
            elif track.renew(*self._seen(key)):
                self._plan(track)

    def _begin(self, key: Key, from_ms: int) -> None:
        saved = self._saved.get("/".join(key), {})
        first = -(-from_ms // TICK_MS) * TICK_MS
        track = Track(key, seed_text(self._txn, key), *self._seen(key), first)
        for name in _KEPT:
            setattr(track, name, saved.get(name, 0))
        self._tracks[key] = track
        self._plan(track)

    def _forget(self, key: Key) -> None:
        track = self._tracks.pop(key, None)
        self._wakes.pop(key, None)
        if track is not None:
            self._ended.append(track)

    def _seen(self, key: Key) -> tuple[Load, tuple[PodState, ...], int, Watch | None, tuple[Volume, ...]]:
        """What its track is computed from."""
        pods = self._pods(key)
        volumes = volumes_of(self._txn, key.namespace, pods)
        return load_of(self._txn, key), pods, self._replicas(key), self._watch(key), volumes

    def _pods(self, key: Key) -> tuple[PodState, ...]:
        return tuple(self._state(key, pod) for pod in self._txn.pods_of(key))

    def _state(self, home: Key, pod: Json) -> PodState:
        """A pod as it stands; read again when it was written."""
        meta = pod["metadata"]
        key, version = Key("pod", home.namespace, meta["name"]), meta["resourceVersion"]
        known = self._states.get(key)
        if known is None or known[0] != version:
            known = self._states[key] = (version, state_of(pod))
            self._homes[key] = home
        return known[1]

    def _replicas(self, key: Key) -> int:
        found = self._txn.get(key)
        return int(found["spec"].get("replicas", 1)) if found else 0

    def _watch(self, key: Key) -> Watch | None:
        """The HPA that is aimed at it; of several the first by name."""
        found = self._aims.at(HPA, key)
        if found is None:
            return None
        name = key_of(found)
        memory = self._memory(key, name)
        try:
            spec = spec_of(found)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None  # no apiserver lets such a one in, and no controller could follow it
        return watch_of(found, name, memory, spec)

    def _memory(self, workload: Key, autoscaler: Key) -> Memory:
        """What its controller remembers: another spec makes it forget nothing."""
        track = self._tracks.get(workload)
        if track is not None and track.watch is not None and track.watch.key == autoscaler:
            return track.watch.memory
        return self._memories.get(f"{autoscaler.namespace}/{autoscaler.name}", Memory())


def _record(txn: Transaction, track: Track) -> None:
    if track.rows:
        first = track.rows[0][0]
        history.append(txn, track.key, first, np.concatenate([table for _, table in track.rows]))
        track.rows.clear()


def _state(track: Track) -> dict[str, int]:
    """What the next advance must know of a workload, beyond its objects."""
    return {name: value for name in _KEPT if (value := getattr(track, name))}
