"""SQL whose shape depends on the query, composed of compiled parts (`sql.py`) and cached."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from audit.store import sql


@dataclass(frozen=True)
class Find:
    """Which records: those that match every given condition, from `since_seq` on."""

    kinds: Sequence[str] = ()
    resource_key: str | None = None
    run_id: str | None = None
    request_digest_prefix: str | None = None
    since_seq: int = 0
    newest_first: bool = False
    limit: int | None = None

    def statement(self) -> tuple[str, list[str | int]]:
        """The SQL, and its parameters in order."""
        parts = [sql.FIND]
        given: list[str | int] = [self.since_seq, *self.kinds]
        if self.kinds:
            parts.append(for_each(sql.FIND_KINDS, len(self.kinds)))
        for part, value in ((sql.FIND_RESOURCE, self.resource_key), (sql.FIND_RUN, self.run_id)):
            if value is not None:
                parts.append(part)
                given.append(value)
        if self.request_digest_prefix is not None:
            parts.append(sql.FIND_DIGEST)
            given += between(self.request_digest_prefix)
        order = sql.FIND_NEWEST if self.newest_first else sql.FIND_OLDEST
        asked = f"{' AND '.join(parts)} ORDER BY {order}"
        return (asked, given) if self.limit is None else (f"{asked} LIMIT ?", [*given, self.limit])


@lru_cache(maxsize=64)
def for_each(statement: str, count: int) -> str:
    """The statement, with `count` parameters where it says IN (?)."""
    return statement.replace("IN (?)", f"IN ({', '.join('?' * count)})")


def between(prefix: str) -> tuple[str, str]:
    """Keys and digests are printable ASCII, so DEL stands behind all that begin with `prefix`."""
    return prefix, prefix + "\x7f"
