"""The events of a turn, as its observer gets them: the terminal, a JSON stream, a test."""

from dataclasses import dataclass
from typing import Literal

from agents.errors import AgentError
from agents.ops.evidence.checked import Figure
from tools.toolbox.port import Card

Reason = Literal[
    "steps",
    "tokens",
    "model",
    "empty",
    "as_text",
    "length",
    "filtered",
    "refused",
    "in_doubt",
    "loop",
    "cancelled",
    "drained",
    "interrupted",
    "assent",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """The model was asked and has answered; `tokens` as the turn is charged for them (see `budget.spent_by`)."""

    model: str
    message: str
    step: int
    tokens: int
    ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of the model's text as it comes; the whole of it follows as `Said`."""

    text: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """The model's endpoint gave no reply (`what`); it is asked again in `seconds`."""

    what: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Calling:
    """A tool call begins; its result follows as the card of the same number."""

    number: int
    name: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """The model's text. It is only text; `figures` says which of its figures a result holds that it cites."""

    text: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class CardShown:
    """A tool call and its result; `number` counts within the thread, for citing."""

    number: int
    name: str
    request_id: str
    card: Card
    ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The turn ended because a person has to decide on `handle`."""

    handle: str
    line: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn ended otherwise than by an answer. `error` where the model failed."""

    reason: Reason
    detail: str
    error: AgentError | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What the turn has come to, by the outcomes of its calls and not by what the model says: the last event of each
    turn that ended. Nothing changed where `lines` is empty."""

    lines: tuple[str, ...]


Event = Heard | Retrying | Calling | Asked | Said | CardShown | Waiting | Stopped | Changed
