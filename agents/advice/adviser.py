"""The Adviser that asks a model: one call for the whole run, bounded in workloads, bytes, tokens and seconds.

Whatever goes wrong, the proposals stay what they were."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agents.advice.answer import Answer, answers
from agents.advice.offer import Offer, offers
from agents.errors import ModelError, ModelUnavailable
from agents.models.types import Message, ModelClient, Reply, message
from agents.ops.budget import Budget, exceeded, spent_by, tokens_in
from agents.prompts import load
from agents.tuner.proposal import Advice, Proposal
from audit.clock import Clock
from policies.types import Principal
from tools.toolbox.port import ModelCall, Recorder, Toolbox

MOST_BYTES = 32_768
"""Of the figures that are sent."""
SECONDS = 30
"""How long the run waits for the answer, retries included."""


@dataclass(frozen=True, slots=True)
class ModelAdviser:
    """Asked as the agent of the run: policy, the kill switch and its budget of tokens bound it. `connect` may raise
    ModelError."""

    connect: Callable[[], ModelClient]
    toolbox: Toolbox
    recorder: Recorder
    budget: Budget
    clock: Clock
    seconds: float = SECONDS

    async def advised(self, who: Principal, run_id: str, found: Sequence[Proposal]) -> list[Proposal]:
        """See Adviser. Why there was no advice is recorded in the run's thread."""
        offered = self._fitting(offers(found))
        if not offered:
            return list(found)
        try:
            model = self.connect()
            try:
                return await self._with(model, who, run_id, found, offered)
            finally:
                await model.close()
        except ModelError as e:
            await self.recorder.turn_stopped(who, thread_of(run_id), "model", e.what)
            return list(found)

    async def _with(
        self,
        model: ModelClient,
        who: Principal,
        run_id: str,
        found: Sequence[Proposal],
        offered: Sequence[Offer],
    ) -> list[Proposal]:
        if (no := await self.toolbox.asking_refused(who, model.model)) is not None:
            await self.recorder.turn_stopped(who, thread_of(run_id), "refused", no)
            return list(found)
        said = answers(await self._asked(model, who, run_id, offered), offered)
        by_place = {offer.place: offer for offer in offered}
        return [
            _taken(by_place[i], said[i], model.model) if i in said else each for i, each in enumerate(found)
        ]

    async def _asked(
        self, model: ModelClient, who: Principal, run_id: str, offered: Sequence[Offer]
    ) -> Reply:
        """One reply, recorded before anything of it is used. Raises ModelError."""
        sent, started = conversation(offered), self.clock.mono_us()
        try:
            async with asyncio.timeout(self.seconds):
                reply = await model.complete(sent, (), max_tokens=self.budget.output_tokens)
        except TimeoutError as e:
            raise ModelUnavailable(f"the model gave no advice within {self.seconds:g} s") from e
        tokens = spent_by(reply, sent=tokens_in(sent), reserved=tokens_in(sent) + self.budget.output_tokens)
        ms = (self.clock.mono_us() - started) // 1_000
        await self.recorder.model_called(
            who, thread_of(run_id), ModelCall(model.model, "advice", 1, tokens, ms)
        )
        return reply

    def _fitting(self, offered: Sequence[Offer]) -> Sequence[Offer]:
        """As many of the first as fit into bytes and tokens."""
        while offered and not self._fits(offered):
            offered = offered[:-1]
        return offered

    def _fits(self, offered: Sequence[Offer]) -> bool:
        sent = conversation(offered)
        reserve = tokens_in(sent) + self.budget.output_tokens
        small = len(sent[-1]["text"].encode()) <= MOST_BYTES
        return small and exceeded(self.budget, steps=0, spent=0, reserve=reserve) is None


def thread_of(run_id: str) -> str:
    """The thread that the run's model call is recorded in."""
    return f"tune-{run_id}"


def conversation(offered: Sequence[Offer]) -> list[Message]:
    """What is sent: the instructions, and the offers as JSON."""
    told = json.dumps([offer.document() for offer in offered], separators=(",", ":"))
    return [message("system", load("advice")), message("user", told)]


def _taken(offer: Offer, said: Answer, model: str) -> Proposal:
    return replace(
        offer.proposals[said.candidate], advice=Advice(model, said.text.strip(), said.candidate > 0)
    )
