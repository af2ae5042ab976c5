"""The policy as its files are now: read again when they change, swapped whole, the last valid one stays in force."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from policies.errors import PolicyError, PolicyInvalid
from policies.files import files_of, read, state_of
from policies.loader import compile_texts
from policies.manifest import listed
from policies.parsed_cache import ParsedCache
from policies.snapshot import Snapshot
from policies.types import ActionInfo

_Stat = tuple[str, int, int, int, int]
_TRIES = 3


class PolicySource:
    """Hands out immutable snapshots. The first load must succeed (PolicyInvalid otherwise); with `closed` a policy
    that allows nothing is in force until one loads.

    Later, a change that does not load (half-written, invalid) leaves the last good policy in force, and
    `problem` says why. A half-written file lacks its final `...`, so it never loads. `base` are files that the ones
    below `paths` are added to (see compile_texts).
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        catalogue: Sequence[ActionInfo],
        clusters: Sequence[str],
        cache: ParsedCache | None = None,
        base: Sequence[Path] = (),
        closed: bool = False,
    ) -> None:
        self._paths, self._catalogue, self._clusters = (*base, *paths), tuple(catalogue), tuple(clusters)
        self._base = frozenset(map(str, base))
        self._cache = cache
        self.problem: PolicyInvalid | None = None
        self._seen: tuple[_Stat, ...] = ()
        try:
            self._seen, texts = self._read()
            self._digest, self._snapshot = _digest(texts), self._compile(texts)
        except PolicyInvalid as problem:
            if not closed:
                raise
            self.problem, self._digest, self._snapshot = problem, "", self._empty()

    def current(self) -> Snapshot:
        """The newest policy that loads. Costs a stat per file while nothing changes."""
        try:
            if self._stats() != self._seen:
                self._reload()
        except PolicyInvalid as problem:  # it could not be looked at: it is looked at again
            self.problem, self._seen = problem, ()
        return self._snapshot

    def _reload(self) -> None:
        seen, texts = self._read()
        digest = _digest(texts)
        try:
            if digest != self._digest:
                self._snapshot, self._digest = self._compile(texts), digest
        except PolicyInvalid as problem:
            self.problem = problem
        else:
            self.problem = None
        self._seen = seen  # an invalid text is not parsed again until it changes; whatever else fails here is

    def _compile(self, texts: dict[str, bytes]) -> Snapshot:
        return compile_texts(
            listed(texts),
            catalogue=self._catalogue,
            clusters=self._clusters,
            cache=self._cache,
            base=self._base,
        )

    def _empty(self) -> Snapshot:
        """A policy that allows nothing. Past the cache, which keeps one policy: the operator's."""
        return compile_texts({}, catalogue=self._catalogue, clusters=self._clusters)

    def _read(self) -> tuple[tuple[_Stat, ...], dict[str, bytes]]:
        """Bytes that belong to one state of the files: nothing moved between the two looks."""
        for _ in range(_TRIES):
            before = self._stats()
            texts = read(self._paths)
            if self._stats() == before:
                return before, texts
        where = ", ".join(map(str, self._paths))
        raise PolicyInvalid(
            (PolicyError("the files change while they are read", where=where, hint="try again"),)
        )

    def _stats(self) -> tuple[_Stat, ...]:
        return tuple(state_of(path) for path in files_of(self._paths))


def _digest(texts: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, raw in texts.items():
        whole.update(f"{name}\0{len(raw)}\0".encode())
        whole.update(raw)
    return whole.hexdigest()
