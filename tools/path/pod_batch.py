"""What a batch of pods asks before each pod: is the intent still ours, and may it go on? Asked of the log."""

from dataclasses import dataclass

from audit.errors import LogUnavailable
from audit.record import Record
from policies.claim_keys import ENDED, POLICY_EPOCH, RESOLVING
from tools.errors import MayHaveHappened
from tools.path.context import Context
from tools.path.execution import ExecutionContext


@dataclass(frozen=True, slots=True)
class PodBatch:
    """A batch under one intent; a rehearsal has no intent, and no resolver could look into it.

    Once the intent is durable a log that cannot be asked is a doubt: pods may have been written.
    """

    context: Context
    ctx: ExecutionContext
    intent: Record | None = None

    async def held(self) -> None:
        """Raises MayHaveHappened where another process finds out, or has recorded, how the intent ended: then nothing
        more may be sent, whether or not that one could fence the pods off."""
        if self.intent is None:
            return
        keys = (RESOLVING.of(self.intent.id), ENDED.of(self.intent.id))
        if any((await self._values(*keys)).values()):
            raise MayHaveHappened(
                "another process finds out how this ended",
                where=str(self.ctx.request.target),
                hint="flyball audit in-doubt",
            )

    async def halted(self) -> str | None:
        """Why no further pod may be written: the kill switch, or a policy that is not the one that allowed it."""
        key, snapshot = POLICY_EPOCH.of(self.ctx.request.target.cluster), self.ctx.gate.snapshot
        if self.ctx.live and (await self._values(key))[key] != snapshot.epoch:
            return "another policy is in force by now"
        try:
            if (await self.context.gate()).snapshot.digest != snapshot.digest:
                return "another policy is in force by now"
            no = await self.context.screened(self.ctx.gate, self.ctx.request)
        except LogUnavailable as e:
            raise _doubt(e) from e
        return no.detail if no is not None else None

    async def _values(self, *keys: str) -> dict[str, int]:
        try:
            return await self.context.log.values(keys)
        except LogUnavailable as e:
            raise _doubt(e) from e


def _doubt(e: LogUnavailable) -> MayHaveHappened:
    return MayHaveHappened(f"the log cannot be asked: {e.what}", where=e.where, hint=e.hint)
