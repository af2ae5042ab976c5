"""The calls of one reply: reads side by side, what may change something one after the other, in the model's order."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from agents.models.types import Message, ToolCall
from agents.ops import history, results
from agents.ops.budget import Budget
from agents.ops.events import Calling, CardShown, Event, Reason
from agents.ops.run import Run
from agents.ops.state import State
from agents.ops.trail import Trail
from audit.clock import Clock
from base.interrupts import shield_until_done
from policies.types import Mode
from tools.toolbox.port import Call, Card, Toolbox

EQUAL_CALLS = 2
"""So often the same call is sent in one turn; once something was changed, counting begins anew."""
_CHANGED = ("applied", "in_part")


@dataclass(slots=True)
class Acted:
    """What came of the calls: their answers for the model, how many cards were shown, the card that waits for a
    person, and why the turn ends here, if it does."""

    answers: list[Message] = field(default_factory=list)
    shown: int = 0
    waiting: Card | None = None
    stop: Reason | None = None
    why: str = ""
    """Why no further call is sent."""
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Acting:
    """The acting node's work, and what it needs. What is shown was recorded by the path before."""

    toolbox: Toolbox
    trail: Trail
    clock: Clock
    budget: Budget
    namespace: str | None
    mode: Mode

    async def run(self, state: State, run: Run, show: Callable[[Event], None]) -> Acted:
        """Carry out the calls of the newest reply."""
        acted, calls = Acted(), state["messages"][-1]["calls"]
        seen = _seen(state["messages"])
        for _, group in groupby(enumerate(calls), lambda one: self._side_by_side(*one)):
            sent = list[tuple[int, ToolCall]]()
            for index, call in group:
                if no := acted.why or self._skipped(index, run) or _repeats(call, seen, acted):
                    acted.answers.append(history.answer(call["id"], results.not_run(no)))
                    continue
                acted.shown += 1
                sent.append((state["cards"] + acted.shown, call))
            await self._together(run, sent, acted, show)
        if calls and acted.repeated == len(calls):
            acted.stop = "loop"
        return acted

    def _side_by_side(self, index: int, call: ToolCall) -> int:
        """Neighbours of one key are sent together: reads; each of the others has a key of its own."""
        return -1 if self.toolbox.only_reads(call["name"]) else index

    def _skipped(self, index: int, run: Run) -> str:
        if run.cancelled:
            return "the person cancelled the turn"
        return f"at most {self.budget.calls} calls in one reply" if index >= self.budget.calls else ""

    async def _together(
        self, run: Run, sent: Sequence[tuple[int, ToolCall]], acted: Acted, show: Callable[[Event], None]
    ) -> None:
        for number, call in sent:
            show(Calling(number, call["name"], call["request_id"]))
        work = (self._call(run.thread, number, call) for number, call in sent)
        cards = await asyncio.gather(*work, return_exceptions=True)
        for (number, call), shown in zip(sent, cards, strict=True):
            if isinstance(shown, BaseException):
                raise shown
            show(shown)
            text = results.result(number, shown.card, self.budget.result_chars)
            acted.answers.append(history.answer(call["id"], text))
            if shown.card.status == "pending":
                acted.waiting, acted.why = shown.card, "an earlier call of this reply waits for a person"
            elif shown.card.status == "in_doubt":
                acted.stop = "in_doubt"
                acted.why = "the effect of an earlier call of this reply is not known yet"

    async def _call(self, thread: str, number: int, call: ToolCall) -> CardShown:
        started = self.clock.mono_us()
        sent = Call(
            name=call["name"],
            arguments=call["arguments"],
            principal=self.trail.speaker(thread),
            namespace=self.namespace,
            mode=self.mode,
            request_id=call["request_id"],
        )
        # A turn that is interrupted ends, but half a governed write would be in doubt.
        card = await shield_until_done(self.toolbox.call(sent), interrupted="raises")
        ms = (self.clock.mono_us() - started) // 1_000
        return CardShown(number, call["name"], call["request_id"], card, ms)


def _seen(messages: Sequence[Message]) -> Counter[str]:
    """How often each call was sent in this turn since something was changed last, the last message left out."""
    seen = Counter[str]()
    last = max((i for i, one in enumerate(messages) if one["role"] == "user"), default=0)
    for one in messages[last:-1]:
        if one["role"] == "tool" and json.loads(one["text"]).get("status") in _CHANGED:
            seen.clear()
        seen.update(_key(call) for call in one["calls"])
    return seen


def _key(call: ToolCall) -> str:
    try:
        return json.dumps([call["name"], json.loads(call["arguments"])], sort_keys=True)
    except (ValueError, RecursionError):
        return f"{call['name']} {call['arguments']}"


def _repeats(call: ToolCall, seen: Counter[str], acted: Acted) -> str:
    """Why a call is not sent again; empty where it may be."""
    key = _key(call)
    seen[key] += 1
    if seen[key] <= EQUAL_CALLS:
        return ""
    acted.repeated += 1
    return f"this very call was sent {EQUAL_CALLS} times in this turn; use its results, or do something else"
