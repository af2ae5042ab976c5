"""The state of a thread, as it is checkpointed: plain values only. Functions take a state and return one."""

from collections.abc import Sequence
from typing import TypedDict

from agents.models.types import Message, Reply, ToolCall
from agents.ops import history, results
from agents.ops.budget import Budget, exceeded, spent_by, tokens_in
from agents.ops.events import Reason
from agents.request_id import of_message


class State(TypedDict):
    """`where` and `human` pin the thread. `turn` is the id of the person's message under way; `stopped` says
    how that turn ended and is empty while it runs. `steps`, `spent` and `reserved` (tokens) are the turn's
    budget so far, `cards` the number of the thread's last result, `waiting` what a person has to decide."""

    where: str
    human: str
    turn: str
    messages: list[Message]
    steps: int
    spent: int
    reserved: int
    cards: int
    waiting: list[str]
    stopped: str


def empty(where: str, human: str) -> State:
    """A thread nobody has spoken in."""
    return {
        "where": where, "human": human, "turn": "", "messages": [], "steps": 0, "spent": 0, "reserved": 0,
        "cards": 0, "waiting": [], "stopped": "done",
    }  # fmt: skip


def begun(state: State, turn: str, text: str, heard: Sequence[str], budget: Budget) -> State:
    """A turn begins with `text`; `heard` is what the person did by commands since."""
    if heard:
        text = f"{text}\n\n[since the last turn, by the person's own commands: {'; '.join(heard)}]"
    kept = history.trimmed([*state["messages"], history.user(turn, text)], budget.history_tokens)
    fresh = {
        "turn": turn,
        "messages": kept,
        "steps": 0,
        "spent": 0,
        "reserved": 0,
        "waiting": [],
        "stopped": "",
    }
    return {**state, **fresh}  # type: ignore[typeddict-item]


def reserved(state: State, budget: Budget, overhead: int) -> tuple[State, Reason | None]:
    """Reserve the next model call, or say which limit forbids it; `overhead`: tokens of prompt and tools.

    A reservation that is still there is of a call that was cut off and may have been billed: it is spent.
    """
    spent = state["spent"] + state["reserved"]
    sent = history.trimmed(state["messages"], budget.history_tokens)
    need = overhead + tokens_in(sent) + budget.output_tokens
    if no := exceeded(budget, steps=state["steps"], spent=spent, reserve=need):
        return {**state, "spent": spent, "reserved": 0}, no
    return {**state, "spent": spent, "reserved": need, "steps": state["steps"] + 1}, None


def answered(state: State, thread: str, reply: Reply, budget: Budget) -> State:
    """The model's reply becomes our message, with request ids of our own; its tokens are spent."""
    id = f"{state['turn']}.{state['steps']}"
    calls: list[ToolCall] = []
    for index, raw in enumerate(reply.calls):
        request_id = of_message(thread, id, index)
        # Nine letters and digits: some chat templates take no other id.
        calls.append(
            {"id": request_id[:9], "request_id": request_id, "name": raw.name, "arguments": raw.arguments}
        )
    message: Message = {**history.assistant(id, reply.text), "calls": calls}
    sent = state["reserved"] - budget.output_tokens
    spent = state["spent"] + spent_by(reply, sent=sent, reserved=state["reserved"])
    return {**state, "messages": [*state["messages"], message], "spent": spent, "reserved": 0}


def ended(state: State, why: str, note: str = "") -> State:
    """The turn is over. `note` is put where the model would have answered, behind what came of its answer, so that
    turns keep alternating."""
    messages = state["messages"]
    if note:
        *before, last = messages
        begun = last["role"] == "assistant" and not last["calls"]
        text = f"{last['text']}\n[turn ended: {note}]" if begun else f"[turn ended: {note}]"
        kept = before if begun else messages
        messages = [*kept, history.assistant(f"{state['turn']}.end", text.strip())]
    return {**state, "messages": messages, "stopped": why}


def cut_off(state: State) -> State:
    """A turn that never ended is closed: calls without a stored result are marked so, none is sent again."""
    unanswered = state["messages"][-1]["calls"]
    answers = [history.answer(call["id"], results.unknown(call["request_id"])) for call in unanswered]
    messages = history.lightened([*state["messages"], *answers])
    return ended({**state, "messages": messages}, "interrupted", "it was cut off")
