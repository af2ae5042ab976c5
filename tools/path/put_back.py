"""PutBack: undoes a change that was judged `worse`, as who made it: with that one's rights, no more, and with the
right of way of an undo."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from audit.log import Entry
from policies.types import Request
from tools.errors import ArgumentsInvalid
from tools.path.context import Context
from tools.path.endings import by_hand
from tools.path.outcome import Failed, Refused, Result, Unknown
from tools.path.replay import replayed
from tools.path.requests import request_id
from tools.path.standing import Final
from tools.path.undo import proposal

Execute = Callable[[Request], Awaitable[Result]]

_STAGES = frozenset({"kill_switch", "in-doubt", "lease", "policy", "clock"})
_CODES = frozenset({"kill_switch", "conflict", "NotSent"})
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Tried:
    """How the undo ended; `left` says why there is none, `manual` is the kubectl command that does it by hand. Where
    `owed`, the moment was at fault and nothing else: the next one that opens the log tries again."""

    result: Result | None
    left: str = ""
    manual: str = ""
    owed: bool = False


class PutBack:
    """Raises what `execute` raises."""

    def __init__(self, context: Context, execute: Execute) -> None:
        self._c, self._execute = context, execute

    async def __call__(self, intent: Entry, why: str) -> Tried:
        """Undo the change, once. `why` goes into the reason."""
        try:
            request, ended = await self._next(intent, why)
        except ArgumentsInvalid as e:
            return Tried(None, e.said)
        if ended is None:
            no = await self._c.screened(await self._c.gate(), request)
            if (
                no is not None and no.stage == "kill_switch"
            ):  # asked for, it would be refused on record each time
                return Tried(None, no.detail, await by_hand(self._c.reader, request), owed=True)
        result = ended or await self._execute(request)
        if not isinstance(result, Refused | Failed):
            return Tried(result, owed=isinstance(result, Unknown))  # its resolver says how it ended
        return Tried(result, "", await by_hand(self._c.reader, request), owed=passing(result))

    async def _next(self, intent: Entry, why: str) -> tuple[Request, Result | None]:
        """The first try that did not end for a passing reason, with how it ended where it did: a refusal is final, so
        each try is a request of its own."""
        asked = await self._c.journal.request_of(intent)
        name, number = ["verify", intent.record.id], 0
        while True:
            request = await proposal(
                self._c,
                intent.seq,
                id=request_id(*name, *([str(number)] if number else [])),
                principal=asked.principal,
                mode="live",
                reason=f"record {intent.seq} made it worse: {why}"[:512],
            )
            state = await self._c.journal.state_of(request)
            ended = replayed(request, state) if isinstance(state, Final) else None
            if ended is None or not passing(ended):
                return request, ended
            number += 1


def passing(result: Result) -> bool:
    """Whether only the moment was at fault: a stop, a conflict, another process, a clock; policy did not say no to
    the undo, nor did the cluster."""
    if isinstance(result, Refused):
        return result.stage in _STAGES
    return isinstance(result, Failed) and (result.code in _CODES or result.http == _TOO_MANY_REQUESTS)
