"""Threads on disk: LangGraph's SQLite checkpointer, restored strictly and pruned by our own SQL.

The checkpointer keeps every superstep for ever (300 turns grew to 676 MB) and its own `aprune` raises
NotImplementedError; what a thread needs is its latest checkpoint.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agents.ops.state import State

_BUSY_S = 10
_WAL_BYTES = 2**20
_LATEST = "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :thread)"
_PRUNE = (
    f"DELETE FROM writes WHERE thread_id = :thread AND checkpoint_id <> {_LATEST}",  # noqa: S608 - constants only
    f"DELETE FROM checkpoints WHERE thread_id = :thread AND checkpoint_id <> {_LATEST}",  # noqa: S608
    "UPDATE checkpoints SET parent_checkpoint_id = NULL WHERE thread_id = :thread",
)


@dataclass(frozen=True, slots=True)
class ThreadInfo:
    """One thread in a list: `updated` is RFC 3339, `turns` those remembered, `waiting` a handle or None."""

    name: str
    where: str
    updated: str
    turns: int
    opening: str
    unfinished: bool
    waiting: str | None


class Threads:
    """The file of threads. `saver` is for the graph."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        # None: only langgraph's own list of safe types is restored, whatever the environment says.
        self.saver = AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))

    @classmethod
    async def open(cls, path: Path) -> "Threads":
        """Open or create the file, for its owner only."""
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = await aiosqlite.connect(path, timeout=_BUSY_S)
        # Before the first page is written, or it has no effect: pages that pruning frees go back to the disk.
        await connection.execute("PRAGMA auto_vacuum = FULL")
        await connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        threads = cls(connection)
        await threads.saver.setup()
        return threads

    async def close(self) -> None:
        """Close the file."""
        await self._connection.close()

    async def state(self, thread: str) -> State | None:
        """The latest state of `thread`, None where nobody has spoken in it."""
        found = await self.saver.aget_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
        return _state(found.checkpoint["channel_values"]) if found else None

    async def prune(self, thread: str) -> None:
        """Keep only the latest checkpoint of `thread`, in one transaction."""
        async with self.saver.lock:
            for statement in _PRUNE:
                await self._connection.execute(statement, {"thread": thread})
            await self._connection.commit()

    async def list(self) -> "list[ThreadInfo]":
        """All threads, the newest first."""
        async with (
            self.saver.lock,
            self._connection.execute("SELECT DISTINCT thread_id FROM checkpoints") as rows,
        ):
            names = [str(row[0]) async for row in rows]
        found = [info for name in names if (info := await self._info(name))]
        return sorted(found, key=lambda info: info.updated, reverse=True)

    async def _info(self, name: str) -> ThreadInfo | None:
        found = await self.saver.aget_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}})
        state = _state(found.checkpoint["channel_values"]) if found else None
        if found is None or state is None:
            return None
        said = [m["text"] for m in state["messages"] if m["role"] == "user"]
        waiting = state["waiting"][0] if state["waiting"] else None
        opening = said[0].splitlines()[0][:60] if said and said[0] else ""
        return ThreadInfo(
            name, state["where"], found.checkpoint["ts"], len(said), opening, not state["stopped"], waiting
        )


def _state(values: Mapping[str, Any]) -> State | None:
    # The very first checkpoint of a thread holds the input only, before it became a state.
    return cast(State, values) if "stopped" in values else None
