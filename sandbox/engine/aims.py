"""Which Load and which HPA target a workload, by the workload."""

from sandbox.api.kinds import key_of
from sandbox.api.store import Json, Key, Transaction

HPA = "horizontalpodautoscaler"
AIMED = ("load", HPA)


class Aims:
    """Updated with a transaction by `changed`. Of several at one workload the first by name counts."""

    def __init__(self, txn: Transaction) -> None:
        self._targets: dict[Key, Key] = {}
        self._found: dict[tuple[str, Key], dict[str, Json]] = {}
        for kind in AIMED:
            for one in txn.all(kind):
                self._add(key_of(one), one)

    def at(self, kind: str, workload: Key) -> Json | None:
        """The object of that kind that is aimed at the workload."""
        found = self._found.get((kind, workload))
        return found[min(found)] if found else None

    def changed(self, txn: Transaction, key: Key) -> list[Key]:
        """An object was put or deleted; returns the workloads that it was and is aimed at."""
        before, now = self._targets.pop(key, None), txn.get(key)
        if before is not None:
            self._found[key.kind, before].pop(key.name, None)
        if now is not None:
            self._add(key, now)
        return [k for k in {before, self._targets.get(key)} if k is not None]

    def _add(self, key: Key, body: Json) -> None:
        target = _target(key, body)
        self._targets[key] = target
        self._found.setdefault((key.kind, target), {})[key.name] = body


def _target(key: Key, body: Json) -> Key:
    spec = body["spec"]
    if key.kind == "load":
        kind, _, name = str(spec.get("target")).partition("/")
        return Key(kind, key.namespace, name)
    ref = spec["scaleTargetRef"]
    return Key(str(ref.get("kind", "")).lower(), key.namespace, str(ref.get("name", "")))
