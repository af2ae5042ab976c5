"""What is wrong with the world's metrics: gaps, lag and noise, stored in the world itself."""

import json

from sandbox.api.errors import SandboxError
from sandbox.api.store import Json, Key, Transaction
from sandbox.load.manifest import Disturbance, disturbance

DISTURBED = "disturbed"
"""Where the world keeps what is wrong with its metrics."""


def disturbances(txn: Transaction, key: Key) -> list[Disturbance]:
    """What the world says is wrong with the metrics of that workload."""
    rows: list[Json] = json.loads(txn.meta(DISTURBED) or "[]")
    return [disturbance(row["how"]) for row in rows if row["key"] in (None, list(key))]


def disturb(txn: Transaction, key: Key | None, how: Json) -> None:
    """From now on that is wrong with the metrics of a workload (None: of all). Raises SandboxError."""
    try:
        disturbance(how)
    except ValueError as e:
        raise SandboxError(f"metrics cannot be disturbed so: {e}") from e
    rows: list[Json] = json.loads(txn.meta(DISTURBED) or "[]")
    txn.set_meta(DISTURBED, json.dumps([*rows, {"key": key and list(key), "how": how}]))
