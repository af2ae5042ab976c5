"""ClusterPins: which cluster a name means. The name is pinned to the UID of kube-system at first use.

A context renamed to `staging` must not borrow staging's policy; nor may a rebuilt cluster inherit approvals.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterMismatch

_VERSION = 1


class ClusterPins:
    """A JSON file, mode 0600, replaced atomically; safe between processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, identity: ClusterIdentity) -> None:
        """Pin the cluster at first use, compare later. Raises ClusterMismatch (also: pins unreadable)."""
        with self._locked():
            pins = self._read()
            known = pins.setdefault(identity.name, {"uid": identity.uid, "server": identity.server})
            if known["uid"] != identity.uid:
                raise ClusterMismatch(
                    f"`{identity.name}` is pinned to cluster {known['uid']} ({known['server']}), "
                    f"but {identity.server} is cluster {identity.uid}",
                    where=str(self._path),
                    hint=f"use the right context; if it was rebuilt, take `{identity.name}` out of that file",
                )
            if known["server"] != identity.server or len(pins) != self._count:
                known["server"] = identity.server
                self._write(pins)

    def known(self, name: str) -> ClusterIdentity:
        """The cluster as it is pinned; without UID and address where it never was. Raises ClusterMismatch."""
        pin = self._read().get(name, {"uid": "", "server": ""})
        return ClusterIdentity(name, pin["uid"], pin["server"])

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            pins = {
                str(name): {"uid": one["uid"], "server": one["server"]}
                for name, one in document["pins"].items()
            }
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']} is not {_VERSION}")
        except FileNotFoundError:
            pins = {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "restore the file from a backup; without it two clusters cannot be distinguished"
            raise ClusterMismatch(
                f"the pins cannot be read: {error!r}", where=str(self._path), hint=hint
            ) from error
        self._count = len(pins)
        return pins

    def _write(self, pins: dict[str, dict[str, str]]) -> None:
        aside = self._path.with_name(f".{self._path.name}.new")
        text = json.dumps({"version": _VERSION, "pins": pins}, indent=1, sort_keys=True) + "\n"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time from reading to replacing: two first uses must not both win."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path.with_name(f".{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
