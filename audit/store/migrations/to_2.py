"""1 → 2: records of version 2 have other names for three claims (see audit.claims). The tables are the same."""

from alembic.operations import Operations


def upgrade(_: Operations) -> None:
    """Only the number changes, so that code that does not know the names refuses the log."""
