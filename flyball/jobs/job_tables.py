"""The tables of jobs and their statements, declared with SQLModel. `job_sql.py` is compiled from them.

Nothing that runs imports this module: SQLAlchemy costs a command line more than its work.
"""

from typing import Annotated, ClassVar

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Index,
    Integer,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import registry
from sqlalchemy.sql.elements import ClauseElement
from sqlmodel import Field, SQLModel, col

_Count = BigInteger().with_variant(Integer, "sqlite")
"""A STRICT table of SQLite knows INTEGER only; it holds 64 bits."""
_strict = {"sqlite_with_rowid": False, "sqlite_strict": True}

Words = Annotated[str, Field(sa_type=Text)]
Count = Annotated[int, Field(sa_type=_Count)]
MaybeWords = Annotated[str | None, Field(sa_type=Text)]
MaybeCount = Annotated[int | None, Field(sa_type=_Count)]


class JobTable(SQLModel, registry=registry()):
    """Base of the file's tables, in a registry of their own: one database, one metadata."""


class ScheduleRow(JobTable, table=True):
    """A schedule, when it is due next, and when it was looked at last: a time before that is a clock set back."""

    __tablename__: ClassVar[str] = "schedule"
    __table_args__ = (_strict,)

    name: str = Field(sa_type=Text, primary_key=True)
    job: Words
    payload: Words
    cron: Words
    zone: Words
    misfire: Words
    within_ms: Count
    lock: MaybeWords
    next_ms: MaybeCount
    looked_ms: Count


class RunRow(JobTable, table=True):
    """A run. Each due time of a schedule has one at most, and each key one that has not ended."""

    __tablename__: ClassVar[str] = "run"
    __table_args__ = (
        Index("run_due", "schedule", "due_ms", unique=True, sqlite_where=text("schedule IS NOT NULL")),
        Index(
            "run_key",
            "dedupe",
            unique=True,
            sqlite_where=text("dedupe IS NOT NULL AND state IN ('queued', 'running')"),
        ),
        Index("run_state", "state", "queued_ms"),
        _strict,
    )

    id: str = Field(sa_type=Text, primary_key=True)
    job: Words
    payload: Words
    dedupe: MaybeWords
    lock: Words
    slots: Count
    schedule: MaybeWords
    due_ms: MaybeCount
    state: Words
    attempt: Count
    slot: Count
    token: Count
    cancel: Count
    queued_ms: Count
    began_ms: MaybeCount
    ended_ms: MaybeCount
    why: Words


class SlotRow(JobTable, table=True):
    """Who holds a slot of a lock, by which token, and until when on the clock of which boot."""

    __tablename__: ClassVar[str] = "slot"
    __table_args__ = (_strict,)

    lock: str = Field(sa_type=Text, primary_key=True)
    n: int = Field(sa_type=_Count, primary_key=True)
    token: Count
    holder: MaybeWords
    until_us: Count
    boot: Words


METADATA = JobTable.metadata


def _count(name: str) -> BindParameter[int]:
    return bindparam(name, type_=_Count)


def _word(name: str) -> BindParameter[str]:
    return bindparam(name, type_=Text)


_one: ColumnElement[int] = literal_column("1", Integer)
_queued: ColumnElement[str] = literal_column("'queued'", Text)
_running: ColumnElement[str] = literal_column("'running'", Text)
_nothing: ColumnElement[str] = literal_column("''", Text)
_live = col(RunRow.state).in_([_queued, _running])
_ours = (
    col(RunRow.id) == _word("run_id"),
    col(RunRow.token) == _count("held"),
    col(RunRow.state) == _running,
)
_new = {"holder": _word("me"), "until_us": _count("until"), "boot": _word("boot_id")}
_lapsed = or_(
    col(SlotRow.holder).is_(None),
    col(SlotRow.until_us) < _count("now"),
    col(SlotRow.until_us) > _count("far"),
    col(SlotRow.boot) != _word("boot_id"),
)
_held_now = and_(
    col(SlotRow.lock) == col(RunRow.lock),
    col(SlotRow.n) == col(RunRow.slot),
    col(SlotRow.token) == col(RunRow.token),
    col(SlotRow.holder).is_not(None),
    col(SlotRow.until_us).between(_count("now"), _count("far")),
    col(SlotRow.boot) == _word("boot_id"),
)
_RUN = (
    RunRow.id, RunRow.job, RunRow.payload, RunRow.state, RunRow.schedule, RunRow.due_ms, RunRow.attempt,
    RunRow.token, RunRow.queued_ms, RunRow.began_ms, RunRow.ended_ms, RunRow.why, RunRow.lock, RunRow.slots,
)  # fmt: skip
_run = tuple(col(column) for column in _RUN)
_SCHEDULE = (
    ScheduleRow.name, ScheduleRow.job, ScheduleRow.payload, ScheduleRow.cron, ScheduleRow.zone,
    ScheduleRow.misfire, ScheduleRow.within_ms, ScheduleRow.lock, ScheduleRow.next_ms, ScheduleRow.looked_ms,
)  # fmt: skip
_schedule = {column.key: bindparam(f"{column.key}_", type_=column.type) for column in ScheduleRow.__table__.c}  # type: ignore[attr-defined]
_of_schedule = or_(_word("of").is_(None), col(RunRow.schedule) == _word("of"))
_first = (func.coalesce(col(RunRow.due_ms), col(RunRow.queued_ms)), col(RunRow.id))

STATEMENTS: dict[str, ClauseElement] = {
    "SCHEDULES": select(*(col(c) for c in _SCHEDULE)).order_by(col(ScheduleRow.name)),
    "PUT_SCHEDULE": insert(ScheduleRow)
    .values(**_schedule)
    .on_conflict_do_update(
        index_elements=[col(ScheduleRow.name)],
        set_={name: value for name, value in _schedule.items() if name != "name"},
    ),
    "DROP_SCHEDULE": delete(ScheduleRow).where(col(ScheduleRow.name) == _word("name")),
    "MOVE_SCHEDULE": update(ScheduleRow)
    .where(col(ScheduleRow.name) == _word("schedule_name"))
    .values(next_ms=_count("next"), looked_ms=_count("looked")),
    "ADD_RUN": insert(RunRow)
    .values(
        id=_word("run_id"), job=_word("job_"), payload=_word("payload_"), dedupe=_word("key_"),
        lock=_word("lock_"), slots=_count("slots_"), schedule=_word("schedule_name"), due_ms=_count("due"),
        state=_queued, attempt=literal_column("0", Integer), slot=literal_column("0", Integer),
        token=literal_column("0", Integer), cancel=literal_column("0", Integer), queued_ms=_count("at_ms"),
        began_ms=null(), ended_ms=null(), why=_nothing,
    )
    .on_conflict_do_nothing(),
    "RUN": select(*_run).where(col(RunRow.id) == _word("run_id")),
    "RUN_OF_KEY": select(*_run).where(col(RunRow.dedupe) == _word("key_"), _live),
    "RUNS": select(*_run)
    .where(_of_schedule)
    .order_by(func.coalesce(col(RunRow.due_ms), col(RunRow.queued_ms)).desc(), col(RunRow.id))
    .limit(_count("most"))
    .offset(literal_column("0", Integer)),
    "QUEUED": select(*_run).where(col(RunRow.state) == _queued).order_by(*_first),
    "BEGIN_RUN": update(RunRow)
    .where(col(RunRow.id) == _word("run_id"))
    .values(
        state=_running, attempt=col(RunRow.attempt) + _one, slot=_count("slot_n"), token=_count("held"),
        began_ms=_count("at_ms"),
    ),
    "IS_CANCELLED": select(col(RunRow.cancel)).where(*_ours),
    "END_RUN": update(RunRow)
    .where(*_ours)
    .values(state=_word("state_"), why=_word("why_"), ended_ms=_count("ended")),
    "CANCEL_QUEUED": update(RunRow)
    .where(col(RunRow.id) == _word("run_id"), col(RunRow.state) == _queued)
    .values(state=literal_column("'cancelled'", Text), ended_ms=_count("at_ms")),
    "CANCEL_RUNNING": update(RunRow)
    .where(col(RunRow.id) == _word("run_id"), col(RunRow.state) == _running)
    .values(cancel=_one),
    "LEFT": select(*_run, col(RunRow.cancel)).where(
        col(RunRow.state) == _running, ~exists().where(_held_now)
    ),
    "FORGET_RUNS": delete(RunRow).where(col(RunRow.ended_ms) < _count("before")),
    "FORGET_SLOTS": delete(SlotRow).where(
        col(SlotRow.lock).like(literal_column("'run/%'", Text)), col(SlotRow.holder).is_(None)
    ),
    "TAKE": insert(SlotRow)
    .values(lock=_word("lock_"), n=_count("slot_n"), token=_count("floor") + _one, **_new)
    .on_conflict_do_update(
        index_elements=[col(SlotRow.lock), col(SlotRow.n)],
        set_={"token": func.max(col(SlotRow.token), _count("floor")) + _one, **_new},
        where=_lapsed,
    )
    .returning(col(SlotRow.token)),
    "RENEW": update(SlotRow).where(col(SlotRow.holder) == _word("me")).values(until_us=_count("until")),
    "RELEASE": update(SlotRow)
    .where(
        col(SlotRow.lock) == _word("lock_"), col(SlotRow.n) == _count("slot_n"),
        col(SlotRow.token) == _count("held"),
    )
    .values(holder=null()),
    "HOLDERS": select(col(SlotRow.n), col(SlotRow.token), col(SlotRow.holder))
    .where(
        col(SlotRow.lock) == _word("lock_"), col(SlotRow.holder).is_not(None),
        col(SlotRow.until_us).between(_count("now"), _count("far")),
        col(SlotRow.boot) == _word("boot_id"),
    )
    .order_by(col(SlotRow.n)),
}  # fmt: skip
