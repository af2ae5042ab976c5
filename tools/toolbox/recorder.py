"""The Recorder on top of the journal: the only way by which an agent's run or model call gets into the log."""

from collections.abc import Mapping
from dataclasses import asdict

from audit.record import Record
from policies.types import Principal
from tools.errors import ToolError
from tools.path.context import Context
from tools.toolbox.port import ModelCall


class RecordRefused(ToolError):
    """This process does not act for the principal that the record would name."""

    effect = "refused"


class JournalRecorder:
    """Implements Recorder: one record a call, each in a commit of its own."""

    def __init__(self, context: Context) -> None:
        self._c, self._journal = context, context.journal

    async def run_started(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        await self._keep(who, self._journal.run_started(who, run_id, dict(detail)))

    async def run_finished(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        await self._keep(who, self._journal.run_finished(who, run_id, dict(detail)))

    async def model_called(self, who: Principal, thread: str, call: ModelCall) -> None:
        facts = asdict(call)
        model = facts.pop("model")
        await self._keep(who, self._journal.model_call(who, thread, model, facts))

    async def turn_stopped(self, who: Principal, thread: str, why: str, detail: str) -> None:
        await self._keep(who, self._journal.turn_stopped(who, thread, why, detail))

    async def _keep(self, who: Principal, record: Record) -> None:
        if (why := self._c.identity.refuses(who)) is not None:
            raise RecordRefused(why, where=record.kind, hint="run it as the person that it acts for")
        await self._c.log.commit((record,))
