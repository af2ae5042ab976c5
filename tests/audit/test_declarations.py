"""What the file declares, and what its indexes tell: by verification, by opening, and by the next append.

| attack                                              | verification      | open, append            |
|-----------------------------------------------------|-------------------|-------------------------|
| a record taken out of an index                      | storage           | what acts compares: see |
|                                                     |                   | tests/tools/path        |
| a table, index, view, trigger added, changed, gone  | schema            | refused                 |
| the version put back                                | schema            | refused                 |
"""

from pathlib import Path

import pytest

from audit.errors import LogTampered
from audit.log import Log
from tests.kit.log_attacks import declare, execute, hide_from_index
from tests.kit.logs import attacker, checked, checks, fill, read_record, with_log

KIND = "CREATE INDEX audit_entry_kind ON audit_entry (kind)"
FOREIGN = [
    "CREATE TABLE notes (x)",
    "CREATE VIEW audit_view AS SELECT * FROM audit_entry",
    "CREATE INDEX more ON audit_entry (actor_id)",
    "DROP INDEX audit_entry_kind",
    "DROP TRIGGER audit_entry_no_delete",
    "CREATE TRIGGER t AFTER INSERT ON audit_entry BEGIN SELECT 1; END",
    "ALTER TABLE audit_entry ADD COLUMN more",
    "ANALYZE",
]


@pytest.mark.parametrize(
    ("index", "seq"),
    [("audit_entry_kind", 6), ("audit_entry_request_id", 7), ("audit_entry_resource_key", 3)],
)
def test_a_record_taken_out_of_an_index_is_found(log_path: Path, index: str, seq: int) -> None:
    hide_from_index(log_path, index, f"seq <> {seq}")
    findings = checked(log_path, full=True).findings
    assert {finding.check for finding in findings} == {"storage"}
    assert f"row {seq + 1} missing from index {index}" in {finding.what for finding in findings}


def test_a_record_of_another_kind_in_the_index_is_found(log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("UPDATE audit_entry SET kind = 'killswitch' WHERE seq = 3")
    declare(log_path, "audit_entry_kind", f"{KIND} WHERE seq <> 3")  # the index is left as it is by the edit
    with attacker(log_path) as connection:
        connection.execute("UPDATE audit_entry SET kind = 'tool.read' WHERE seq = 3")
    declare(log_path, "audit_entry_kind", KIND)
    assert checks(checked(log_path)) == {"storage"}


def test_causal_order_is_not_blamed_for_an_index(log_path: Path) -> None:
    """The index of ids and another one have changed places: no record is found by its id any more."""
    with attacker(log_path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        names = ("sqlite_autoindex_audit_entry_1", "audit_entry_kind")
        pages = [
            connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
            for name in names
        ]
        for name, (page,) in zip(names, reversed(pages), strict=True):
            connection.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = ?", (page, name))
    report = checked(log_path)
    assert checks(report) == {"storage"}
    assert [note.what for note in report.notes] == [
        "an index is damaged: causal order was not checked to the end"
    ]


@pytest.mark.parametrize("statement", FOREIGN)
def test_a_declaration_that_is_not_the_logs(log_path: Path, statement: str) -> None:
    execute(log_path, statement)
    assert "schema" in checks(checked(log_path))
    with pytest.raises(LogTampered, match=r"is missing or changed|is not the log's"):
        with_log(log_path, lambda log: fill(log, 1))
    assert checked(log_path).records == 8


@pytest.mark.parametrize("statement", FOREIGN)
def test_it_is_found_before_the_next_append_of_an_open_log(log_path: Path, statement: str) -> None:
    async def work(log: Log) -> None:
        await fill(log, 1)
        execute(log_path, statement)
        with pytest.raises(LogTampered, match=r"is missing or changed|is not the log's"):
            await log.commit([read_record(log)])

    with_log(log_path, work)
    assert checked(log_path).records == 9


def test_an_index_declared_otherwise(log_path: Path) -> None:
    declare(log_path, "audit_entry_kind", f"{KIND} WHERE kind <> 'killswitch'")
    assert "schema" in checks(checked(log_path))
    with pytest.raises(LogTampered, match="index audit_entry_kind"):
        with_log(log_path, lambda log: fill(log, 1))


def test_a_version_put_back(log_path: Path) -> None:
    execute(log_path, "PRAGMA user_version = 1")
    report = checked(log_path)
    assert [(finding.check, finding.what) for finding in report.findings] == [
        ("schema", "the log says it is of version 1 and holds records of version 2")
    ]
    with pytest.raises(LogTampered, match="holds records of version 2"):
        with_log(log_path, lambda log: fill(log, 1))


def test_a_version_put_back_under_an_open_log(log_path: Path) -> None:
    async def work(log: Log) -> None:
        execute(log_path, "PRAGMA user_version = 1")
        with pytest.raises(LogTampered, match="put back to 1"):
            await log.commit([read_record(log)])

    with_log(log_path, work)
