"""A small governed world for the agents' tests: stateful, with a gate of its own that is never off.

Where a test kills a process, the world lives in a folder: an effect is one line of a file, so that an effect
twice would be two lines.
"""

import fcntl
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agents.tuner.choice import Choice
from agents.tuner.proposal import Proposal
from agents.tuner.strategy import Candidate, Observed
from policies.types import Headroom, Principal
from tools.cluster_types import Workload
from tools.ports import Held
from tools.toolbox.port import Answer, Call, Card, ModelCall, Room, TypedCall, Weighing


def chosen_by(
    choice: Choice, observed: Sequence[Observed], candidates: Sequence[Sequence[Candidate]]
) -> list[Proposal]:
    """What it takes where policy has nothing against any."""
    return [choice.take(slate) for slate in choice.weigh(observed, candidates)]


HUMAN = Principal(agent="agent:ops", on_behalf_of="human:anna", groups=("group:local",), session="s1")

_FIELDS = ("workload", "replicas", "current_replicas")
_SCALE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "workload": {"type": "string"},
        "replicas": {"type": "integer"},
        "current_replicas": {"type": ["integer", "null"]},
    },
    "required": list(_FIELDS),
    "additionalProperties": False,
}
MAX_ARGUMENTS = 64 * 2**10


@dataclass
class FakeToolbox:
    """`scale` up to `limit` alone, above `asks` with an approval; `list_workloads` reads. Repeats replay."""

    replicas: dict[str, int] = field(default_factory=lambda: {"deployment/web": 4})
    limit: int = 20
    asks: int = 12
    least: int = 1
    names_kind: bool = False
    calls: list[Call] = field(default_factory=list)
    done: dict[str, Card] = field(default_factory=dict)
    before: Callable[[Call], None] | None = None
    label: str = "web"
    no: str | None = None
    """Why the model may not be asked."""

    def schemas(self, *, compact: bool = False) -> list[dict[str, object]]:
        return [_function("scale", _SCALE), _function("list_workloads", {"type": "object", "properties": {}})]

    def only_reads(self, name: str) -> bool:
        return name == "list_workloads"

    async def call(self, call: Call) -> Card:
        self.calls.append(call)
        if self.before:
            self.before(call)
        if call.request_id not in self.done:
            self.done[call.request_id] = self._decide(call)
        return self.done[call.request_id]

    async def asking_refused(self, who: Principal, model: str) -> str | None:
        return self.no

    async def propose(self, call: TypedCall) -> Answer:
        """Down the same way as a model's call; so a test reads `calls`, whichever door they came through."""
        arguments = json.dumps(call.args.model_dump())
        same = Call(
            call.action, arguments, call.principal, call.namespace, call.mode, call.request_id, call.reason,
            call.run_id,
        )  # fmt: skip
        return Answer(await self.call(same), None)

    async def room(self, call: TypedCall, workload: Workload) -> Room:
        """Its own limit, as headroom; what may be asked for counts as allowed."""
        wanted = call.args.model_dump()["replicas"]
        refused = "" if self.least <= wanted <= self.limit else f"limits.replicas.max = {self.limit}"
        return Room(refused, (Headroom("fake", "replicas", self.least, self.limit, True),), self.names_kind)

    def _decide(self, call: Call) -> Card:
        if call.name == "list_workloads":
            text = json.dumps({"workloads": self.replicas, "labels": {"app": self.label}})
            return Card("ok", f"{len(self.replicas)} workloads", text, record=len(self.calls))
        if call.name != "scale":
            return _card("invalid", f"`{call.name[:64]}` is not a tool")
        if len(call.arguments) > MAX_ARGUMENTS:
            return _card("invalid", "the arguments are too long")
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError):
            return _card("invalid", "the arguments are no JSON")
        return self._scale(arguments, call)

    def _scale(self, arguments: dict[str, Any], call: Call) -> Card:
        if set(arguments) != set(_FIELDS) or arguments["workload"] not in self.replicas:
            return _card("invalid", "the arguments do not fit")
        wanted, name = arguments["replicas"], arguments["workload"]
        if type(wanted) is not int or not self.least <= wanted <= self.limit:
            return _card("refused", f"limits.replicas.max = {self.limit}")
        if call.mode == "dry_run":
            return _card("simulated", f"would scale {name} to {wanted}")
        if wanted > self.asks:
            return Card("pending", f"scale {name} to {wanted} needs approval", "{}", 7, handle="9f3c41d2")
        self.replicas[name] = wanted
        self.effect(call, wanted)
        return _card("applied", f"{name} scaled to {wanted}")

    def effect(self, call: Call, wanted: int) -> None:
        """Where a world on disk writes down what happened."""


def _card(status: Any, line: str) -> Card:
    return Card(status, line, json.dumps({"status": status, "detail": line}), record=1)


def _function(name: str, parameters: dict[str, Any]) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "parameters": parameters, "strict": True}}


class DiskToolbox(FakeToolbox):
    """The same, with calls and effects as lines in a folder, and outcomes that outlive the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    async def call(self, call: Call) -> Card:
        _append(self.folder / "calls", call.request_id)
        past = self.folder / f"outcome-{call.request_id}"
        if past.exists():
            return _card("applied", past.read_text())
        return await super().call(call)

    def effect(self, call: Call, wanted: int) -> None:
        (self.folder / f"outcome-{call.request_id}").write_text(str(wanted))
        _append(self.folder / "effects", f"{call.request_id} {wanted}")


@dataclass
class FakeRecorder:
    """Remembers what was recorded, in order: what it was, of which run or thread, and its particulars. Once
    `broken`, the log is away."""

    records: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    broken: Exception | None = None
    weighings: list[Weighing] = field(default_factory=list)

    async def run_started(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        self._keep("run.started", run_id, dict(detail))

    async def run_finished(self, who: Principal, run_id: str, detail: Mapping[str, object]) -> None:
        self._keep("run.finished", run_id, dict(detail))

    async def weighed(self, who: Principal, run_id: str, lines: Sequence[Weighing]) -> None:
        if self.broken:
            raise self.broken
        self.weighings += lines

    async def model_called(self, who: Principal, thread: str, call: ModelCall) -> None:
        self._keep("model.call", thread, {"session": who.session, **asdict(call)})

    async def turn_stopped(self, who: Principal, thread: str, why: str, detail: str) -> None:
        self._keep("annotation", thread, {"session": who.session, "why": why})

    def _keep(self, kind: str, where: str, what: dict[str, object]) -> None:
        if self.broken:
            raise self.broken
        self.records.append((kind, where, what))

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.records]


def _append(path: Path, line: str) -> None:
    with path.open("a") as f:
        f.write(line + "\n")
        f.flush()
        os.fsync(f.fileno())


def lines(path: Path) -> list[str]:
    """The lines of a file that may not be there."""
    return path.read_text().splitlines() if path.exists() else []


class LeaseTaken(Exception):
    """The file is locked."""


class FileLeases:
    """One lock file a key: it goes with its process, also by kill -9. Taken means an error at once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.held = folder, list[str]()

    def hold(self, key: str) -> AbstractAsyncContextManager[Held]:
        return self._hold(key)

    @asynccontextmanager
    async def _hold(self, key: str) -> AsyncIterator[Held]:
        with (self.folder / key.replace("/", "_")).open("w") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as e:
                raise LeaseTaken(key) from e
            self.held.append(key)
            yield Held(key, len(self.held))
