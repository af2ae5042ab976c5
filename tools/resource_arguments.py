"""What set_resources is asked for: the values of one container, in the template or in the running pods. Plain data:
code proposes with it too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from base.quantities import (
    INTEGER_MAX,
    QuantityInvalid,
    asked_bytes,
    format_bytes,
    format_millicores,
    meant_millicores,
    millicores,
    spelled_bytes,
)
from tools.arguments import Args, WorkloadName
from tools.errors import ArgumentsInvalid

Quantity = Annotated[str | None, Field(max_length=32)]


@dataclass(frozen=True, slots=True)
class Value:
    """One of a container's four values: as policy calls it (a Delta's dimension), and where the API has it."""

    dimension: str
    part: Literal["requests", "limits"]
    resource: Literal["cpu", "memory"]
    rounded: Callable[[str], int]
    text: Callable[[int], str]
    """As the API has it; `spelled` for a person."""
    spelled: Callable[[int], str]

    def parse(self, text: str) -> int:
        """The amount, rounded up to a whole millicore or byte as Kubernetes does; that is what is judged and what
        is sent. Raises QuantityInvalid, also for what is too large, and for a part of a byte."""
        amount = self.rounded(text)
        if amount >= INTEGER_MAX:
            raise QuantityInvalid(f"`{text}` is too large")
        return amount

    def show(self, amount: int | None) -> str:
        return "unset" if amount is None else self.spelled(amount)

    def show_asked(self, amount: int, now: int | None) -> str:
        """What it becomes; with a doubt, where the unit was probably left out."""
        meant = meant_millicores(amount, now) if self.resource == "cpu" else ""
        return self.show(amount) + (f" (did you mean {meant}?)" if meant else "")


VALUES: Mapping[str, Value] = {
    "cpu_request": Value("cpuRequest", "requests", "cpu", millicores, format_millicores, format_millicores),
    "cpu_limit": Value("cpuLimit", "limits", "cpu", millicores, format_millicores, format_millicores),
    "memory_request": Value("memoryRequest", "requests", "memory", asked_bytes, format_bytes, spelled_bytes),
    "memory_limit": Value("memoryLimit", "limits", "memory", asked_bytes, format_bytes, spelled_bytes),
}
"""By the name of the argument."""


class SetResourcesArgs(Args):
    """Kubernetes quantities (`250m`, `512Mi`); null leaves a value as it is. `lower_memory_limit` and
    `restart_containers` make it another action for policy, because a running container may be killed by it, or is
    restarted."""

    workload: WorkloadName
    container: Annotated[str | None, Field(max_length=63, description="null: the only container")]
    cpu_request: Annotated[Quantity, Field(description="e.g. 250m; null leaves it")]
    cpu_limit: Annotated[Quantity, Field(description="e.g. 500m; null leaves it")]
    memory_request: Annotated[Quantity, Field(description="e.g. 256Mi; null leaves it")]
    memory_limit: Annotated[Quantity, Field(description="e.g. 512Mi; null leaves it")]
    in_place: Annotated[
        bool | None,
        Field(
            description="true: the running pods, without a restart, until they are replaced; "
            "null: the template, a rollout that lasts"
        ),
    ]
    lower_memory_limit: Annotated[
        bool | None, Field(description="true allows in_place to lower the memory limit; else null")
    ]

    restart_containers: Annotated[
        bool | None,
        Field(
            description="true allows in_place to restart containers whose resizePolicy asks for it, one pod a call; "
            "else null"
        ),
    ]

    hpa_target: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="with cpu_request under an HPA that scales by it: the CPU target in percent that the HPA "
            "gets beside it; or null",
        ),
    ]

    scale_point_held: Annotated[
        bool | None,
        Field(
            description="true: with cpu_request under an HPA whose CPU target is CPU of a pod by then "
            "(keep_scale_point); else null"
        ),
    ]

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        self.wanted()
        if self.hpa_target is not None and self.cpu_request is None:
            raise ArgumentsInvalid("it goes with cpu_request only", where="hpa_target", hint="leave it out")
        if self.scale_point_held and (self.cpu_request is None or self.hpa_target is not None):
            raise ArgumentsInvalid(
                "it goes with cpu_request, and without hpa_target",
                where="scale_point_held",
                hint="leave one of them out",
            )
        if self.restart_containers and (not self.in_place or self.lower_memory_limit):
            raise ArgumentsInvalid(
                "it goes with in_place, and without lower_memory_limit: it covers that",
                where="restart_containers",
                hint="leave one of them out",
            )
        if self.lower_memory_limit and not (self.in_place and self.memory_limit):
            raise ArgumentsInvalid(
                "it goes with in_place and memory_limit only", where="lower_memory_limit", hint="leave it out"
            )
        return self

    def wanted(self) -> dict[str, int]:
        """The values that shall change, in millicores and bytes. Raises ArgumentsInvalid."""
        given = {name: getattr(self, name) for name in VALUES}
        found = {name: _parsed(name, text) for name, text in given.items() if text is not None}
        if not found:
            raise ArgumentsInvalid("nothing to set", hint="give at least one of " + ", ".join(VALUES))
        return found


def _parsed(name: str, text: str) -> int:
    hint = "write 250m, 1, 256Mi, 1Gi"
    try:
        value = VALUES[name].parse(text)
    except QuantityInvalid as e:
        raise ArgumentsInvalid(str(e), where=name, hint=hint) from e
    if value <= 0:
        raise ArgumentsInvalid(f"`{text}` is not more than zero", where=name, hint=hint)
    return value
