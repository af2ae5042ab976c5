"""Running migrations: all that are missing, in one transaction, over a connection of their own."""

import sqlite3
from collections.abc import Callable, Sequence

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from audit.store.migrations import MIGRATIONS, Migration, guard


def migrate(connect: Callable[[], sqlite3.Connection], migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the log that `connect` opens to the newest version; the connection is closed at the end.

    Where another process migrates at this moment, wait for it; what it has done is not done again. A process
    that dies on the way leaves the old version whole. Raises sqlite3.Error, with nothing changed.
    """
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            _migrate(connection, migrations)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise


def _migrate(connection: Connection, migrations: Sequence[Migration]) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        _upgrade(connection, driver, migrations)
        connection.exec_driver_sql("COMMIT")
    finally:
        if driver.in_transaction:  # a full disk has ended it already
            driver.execute("ROLLBACK")


def _upgrade(connection: Connection, driver: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """The version is read here, under the lock: another process may have migrated while we waited."""
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    driver.set_authorizer(guard.authorize)
    before = guard.triggers(driver)
    operations = Operations(MigrationContext.configure(connection))
    for migration in migrations:
        if migration.version > version:
            migration.upgrade(operations)
            connection.exec_driver_sql(f"PRAGMA user_version = {migration.version}")
    lost = set(before) - set(guard.triggers(driver))
    if lost:
        names = ", ".join(sorted(name for name, _ in lost))
        raise sqlite3.DatabaseError(f"a migration changed the triggers {names}")
