"""The Recorder on top of the log: the only way by which an agent's run or model call gets into the log."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from audit.record import Record
from policies.types import Principal
from tools.errors import ToolError
from tools.path import run_records
from tools.path.context import Context
from tools.toolbox.port import ModelCall, Weighing

BATCH = 256
"""Workloads whose weighing is one commit."""


class RecordRefused(ToolError):
    """This process does not act for the principal that the record would name."""

    effect = "refused"


class JournalRecorder:
    """Implements Recorder: each call in a commit of its own."""

    def __init__(self, context: Context) -> None:
        self._c = context

    async def run_started(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        await self._keep(who, run_records.run_started(self._c.log, who, run_id, dict(detail)))

    async def run_finished(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        await self._keep(who, run_records.run_finished(self._c.log, who, run_id, dict(detail)))

    async def weighed(self, who: Principal, run_id: str, lines: Sequence[Weighing]) -> None:
        for start in range(0, len(lines), BATCH):
            some = lines[start : start + BATCH]
            log = self._c.log
            drafts = [run_records.weighed(log, who, run_id, one.target, dict(one.detail)) for one in some]
            await self._keep(who, *drafts)

    async def model_called(self, who: Principal, thread: str, call: ModelCall) -> None:
        facts = asdict(call)
        model = facts.pop("model")
        await self._keep(who, run_records.model_call(self._c.log, who, thread, model, facts))

    async def turn_stopped(self, who: Principal, thread: str, why: str, detail: str) -> None:
        await self._keep(who, run_records.turn_stopped(self._c.log, who, thread, why, detail))

    async def _keep(self, who: Principal, *records: Record) -> None:
        if (why := self._c.identity.refuses(who)) is not None:
            raise RecordRefused(why, where=records[0].kind, hint="run it as the person that it acts for")
        await self._c.log.commit(records)
