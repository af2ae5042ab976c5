"""The volumes that a workload's pods write, and how full they are: by its Load, from when each was claimed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from base.quantities import whole_bytes
from forecasting.seeded_random import Ints, seed_of, uniform_at
from sandbox.api.claim_rules import CLAIM
from sandbox.api.store import Key, Transaction
from sandbox.load.manifest import HOUR_MS, Load
from sandbox.serving.pods import PodState
from tools.cluster.objects import unix_ms

_SPREAD = 0.1
"""The slowest volume gains this share less than the Load says, so that one of them is the fullest."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a claim has: `capacity` in bytes, since when in Unix ms."""

    claim: str
    capacity: int
    since_ms: int


def volumes_of(txn: Transaction, namespace: str, pods: Sequence[PodState]) -> tuple[Volume, ...]:
    """Those of its running pods, in the order of their claims' names."""
    running = (pod for pod in pods if pod.phase == "Running" and not pod.deleting)
    names = sorted({claim for pod in running for claim in pod.claims})
    claims = ((name, txn.get(Key(CLAIM, namespace, name))) for name in names)
    return tuple(
        Volume(
            name,
            whole_bytes(one["status"]["capacity"]["storage"]),
            unix_ms(one["metadata"]["creationTimestamp"]),
        )
        for name, one in claims
        if one is not None
    )


def fullest(load: Load, seed: str, volumes: Sequence[Volume], times: Ints) -> tuple[Ints, Ints] | None:
    """At each of the times what is used of the fullest volume, and its capacity; None without volumes."""
    if not volumes:
        return None
    used = np.stack([_used(load, seed, one, times) for one in volumes])
    holds = np.array([one.capacity for one in volumes], dtype=np.int64)
    at = (used / holds[:, None]).argmax(axis=0)
    return used[at, np.arange(len(times))], holds[at]


def _used(load: Load, seed: str, volume: Volume, times: Ints) -> Ints:
    """What is full stays full."""
    rate = load.fills * (1 - _SPREAD * uniform_at(seed_of(f"{seed}/{volume.claim}"), 0))
    grown = load.disk + rate * np.maximum(0, times - volume.since_ms) / HOUR_MS
    return np.minimum(volume.capacity, grown).astype(np.int64)
