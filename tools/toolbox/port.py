"""What agents hold: the tools (strict JSON schemas out, raw or typed arguments in, a card back) and a recorder of
what they did beside tool calls. None of them holds a writer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from policies.types import Headroom, Mode, Principal, Target
from tools.arguments import Args
from tools.cluster_types import Workload
from tools.path.outcome import Result

CardStatus = Literal[
    "ok",
    "applied",
    "in_part",
    "unchanged",
    "simulated",
    "refused",
    "pending",
    "in_doubt",
    "failed",
    "invalid",
]


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. `arguments` is the raw JSON text of the model; `request_id` is ours (H of thread, message
    and index), because models reuse their own ids."""

    name: str
    arguments: str
    principal: Principal
    namespace: str | None
    mode: Mode
    request_id: str
    reason: str = ""
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """The result of a call. `text` goes to the model (JSON), `line` to the person; `handle` names a pending
    approval, `record` the number in the log that proves it."""

    status: CardStatus
    line: str
    text: str
    record: int | None = None
    handle: str | None = None


@dataclass(frozen=True, slots=True)
class TypedCall:
    """An action that code proposes: `args` is the action's own argument model, validated where it was made."""

    action: str
    args: Args
    principal: Principal
    namespace: str | None
    mode: Mode
    request_id: str
    reason: str = ""
    run_id: str | None = None
    strategy: str | None = None
    expects: Mapping[str, int] | None = None
    """Which strategy chose it, and the effect that it expects (Request.strategy, Request.expects)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a typed call: its card, and the path's result; None where it never became a request."""

    card: Card
    result: Result | None


@dataclass(frozen=True, slots=True)
class Room:
    """What the gate would say of a typed call now. `refused` is why not (empty where it may be carried out, alone
    or with an approval), `ranges` what would be allowed in its place. `names_kind`: for each who asks, a rule that
    allows it names the target's kind, instead of meaning all kinds. `outright`: it is refused whatever its figures
    are, and waiting would not help."""

    refused: str
    ranges: tuple[Headroom, ...]
    names_kind: bool
    outright: bool = False


class Toolbox(Protocol):
    """What agents hold. What a caller did wrong never raises: that is a card `invalid`, recorded."""

    def schemas(self, *, compact: bool = False) -> list[dict[str, object]]:
        """The tools in OpenAI's `tools` format, with `strict: true` schemas; `compact` without what describes their
        fields, for a small context."""

    def only_reads(self, name: str) -> bool:
        """Whether this is a tool that changes nothing, so that several may run at once; False for an unknown one."""

    async def call(self, call: Call) -> Card:
        """Carry out one call of a model through the governed path."""

    async def asking_refused(self, who: Principal, model: str) -> str | None:
        """Why `model` may not be asked for `who` now: policy, the kill switch. None where it may. Asked before each
        model call. Raises LogUnavailable."""

    async def propose(self, call: TypedCall) -> Answer:
        """Carry out what code proposes through the very same path: the same gate, the same records."""

    async def room(self, call: TypedCall, workload: Workload) -> Room:
        """What the gate would say of it, on the workload as the caller has just read it; its pods and its HPA are
        read where the action's view holds them. Only asked: nothing is recorded, claimed or written. Raises
        ArgumentsInvalid, UnknownTool."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """What a run weighed for one workload: `detail` is JSON without floats."""

    target: Target
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A model's answer: our `message` it became, the `step` of its turn (from 1), `tokens` in and out."""

    model: str
    message: str
    step: int
    tokens: int
    ms: int


class Recorder(Protocol):
    """Records what a run or a model call was. Durable when a method returns; nothing of it is shown before.

    Raises LogUnavailable, RecordInvalid, and RecordRefused where this process does not act for `who`: what
    cannot be recorded does not go on.
    """

    async def run_started(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        """Before the run looks at anything; `detail` is JSON without floats."""

    async def run_finished(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        """Its result; not called when the process dies or the log is away."""

    async def weighed(self, who: Principal, run_id: str, lines: Sequence[Weighing]) -> None:
        """What the run weighed, a record a workload, before anything of it is tried."""

    async def model_called(self, who: Principal, thread: str, call: ModelCall) -> None:
        """A model was asked in `thread`, and has answered."""

    async def turn_stopped(self, who: Principal, thread: str, why: str, detail: str) -> None:
        """A turn in `thread` ended otherwise than by an answer or a tool call."""
