"""Migrations: they bring an older log to `schema.VERSION`. Imported only when a log is older.

Decision: the version of a log is SQLite's `PRAGMA user_version` and nothing else. alembic's operations do the work,
its version table and its script environment are not used, since

- an opening of the log then costs one PRAGMA and no import of alembic;
- the number is in the transaction that migrates, as a version table would be, and there is one truth, not two;
- the log holds evidence only: a table that is not part of it would have to be excused by verification, and its rows
  could be rewritten, which here only claims can;
- alembic's directed graph of revisions serves branches; a log's versions are a line of integers.

Rejected: a version table beside the log (a copy or a restore could part them), and revisions by hash that are mapped
to integers (the map is one more thing that can be wrong).

A migration adds (tables, columns, indexes). It runs under the append-only triggers and under an authorizer
(`guard.py`): no stored record, tile or checkpoint changes, so that what was signed verifies for ever.
"""

from collections.abc import Callable
from typing import NamedTuple

from alembic.operations import Operations

from audit.store.migrations import to_2


class Migration(NamedTuple):
    """`upgrade` makes a log of the version before one of `version`."""

    version: int
    upgrade: Callable[[Operations], None]


MIGRATIONS = (Migration(2, to_2.upgrade),)
"""In order; the last is `schema.VERSION`, and each is there once."""
