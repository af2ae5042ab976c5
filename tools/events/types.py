"""Event: more load than history knows, told beforehand: for which workloads, from when until when, and how much.

Plain data, so that an agent may hold it. Factors are in millionths (3_000_000: three times the forecast demand).
An event can only raise floors: there is no factor below one, and it ends by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from policies.types import DnsLabel, Scalar, Target, Wire

ONE_PPM = 1_000_000
MOST_PPM = 20 * ONE_PPM
"""No event tells of more than twenty times the load: beyond it a slip of the pen is likelier."""
DAY_MS = 86_400_000
LONGEST_MS = 14 * DAY_MS
AHEAD_MS = 400 * DAY_MS
"""How far ahead an event may begin: what is known each year is declared at most a year before."""
KIND = "event"
"""The kind of its target, as policy names it."""

_LABEL_KEY = r"\A([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?\z"
_LABEL_VALUE = r"\A([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?\z"
LabelKey = Annotated[str, Field(pattern=_LABEL_KEY)]
LabelValue = Annotated[str, Field(pattern=_LABEL_VALUE)]


class Event(Wire):
    """One declared event. `title` is a person's name for it, `name` the handle that is made of it; `selector` are
    labels that a workload must all have (none: every workload of the namespace); it holds from `from_ms` up to
    `to_ms` (Unix ms). `words` is what it was understood from, where a model read it."""

    name: DnsLabel
    title: Annotated[str, Field(min_length=1, max_length=80)]
    namespace: DnsLabel
    selector: dict[LabelKey, LabelValue] = Field(default_factory=dict, max_length=16)
    from_ms: Annotated[int, Field(ge=0, le=2**53 - 1)]
    to_ms: Annotated[int, Field(ge=0, le=2**53 - 1)]
    at_least_ppm: Annotated[int, Field(gt=ONE_PPM, le=MOST_PPM)]
    at_most_ppm: Annotated[int, Field(gt=ONE_PPM, le=MOST_PPM)] | None = None
    source: Annotated[str, Field(max_length=256)]
    words: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _ordered(self) -> "Event":
        if not self.from_ms < self.to_ms <= self.from_ms + LONGEST_MS:
            raise ValueError("it must end after it begins, and last at most 14 days")
        if self.at_most_ppm is not None and self.at_most_ppm < self.at_least_ppm:
            raise ValueError("the most is less than the least")
        return self

    def target(self, cluster: str) -> Target:
        """What policy judges it as."""
        return Target(cluster=cluster, namespace=self.namespace, kind=KIND, name=self.name)

    def selects(self, namespace: str | None, labels: Mapping[str, str]) -> bool:
        """Whether it is about a workload of that namespace with these labels."""
        return namespace == self.namespace and all(labels.get(k) == v for k, v in self.selector.items())

    @property
    def args(self) -> dict[str, Scalar]:
        """The event as a request's arguments: flat, its labels in one text as kubectl writes them."""
        plain = self.model_dump(mode="json")
        return {**plain, "selector": ",".join(f"{k}={v}" for k, v in sorted(self.selector.items()))}

    @classmethod
    def of(cls, args: Mapping[str, Scalar]) -> "Event":
        """The event that `args` was made of. Raises pydantic's ValidationError."""
        return cls.model_validate({**args, "selector": labels_of(str(args.get("selector", "")))})


@dataclass(frozen=True, slots=True)
class Floor:
    """What an event asks for one workload: from when until when the demand is at least so many times the forecast."""

    event: str
    from_ms: int
    to_ms: int
    at_least_ppm: int


def labels_of(text: str) -> dict[str, str]:
    """`tier=frontend,app=web` as labels: equality only. Raises ValueError for anything else."""
    found: dict[str, str] = {}
    for part in (one.strip() for one in text.split(",") if text.strip()):
        key, equals, label = part.partition("=")
        if not equals or key in found or label.startswith("=") or key.endswith("!"):
            raise ValueError(f"`{part[:80]}` is not a label such as tier=frontend")
        found[key] = label
    return found


def floors(events: Iterable[Event], namespace: str | None, labels: Mapping[str, str]) -> tuple[Floor, ...]:
    """What the events ask for one workload, by when they begin."""
    mine = [event for event in events if event.selects(namespace, labels)]
    asked = [Floor(e.name, e.from_ms, e.to_ms, e.at_least_ppm) for e in mine]
    return tuple(sorted(asked, key=lambda floor: (floor.from_ms, floor.event)))


def factor_ppm(asked: Iterable[Floor], from_ms: int, to_ms: int) -> int:
    """How many times the forecast demand is to be expected at least, somewhere from `from_ms` up to and with `to_ms`;
    ONE_PPM where no event says more. The largest counts: what two events say is not multiplied."""
    said = [one.at_least_ppm for one in asked if one.from_ms <= to_ms and from_ms < one.to_ms]
    return max(said, default=ONE_PPM)
