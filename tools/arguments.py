"""Argument models of actions that code proposes too: plain data, so that an agent may hold them.

A model's call is parsed into the very same ones; an action that only models call keeps its own in its file.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from base.instants import utc_ms
from policies.types import AgentName
from tools.errors import ArgumentsInvalid


class Args(BaseModel):
    """A tool's arguments: strict types, no unknown fields, no defaults (strict JSON schemas want all named)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


WorkloadName = Annotated[str, Field(max_length=300, description="KIND/NAME, e.g. deployment/web")]
"""A workload as a tool's argument; `tools.cluster.names.target` parses it."""


class SetEnvelopeArgs(Args):
    """A range of replicas that `agent` may move in until `until`; all three null: no envelope any more.

    `floor` is the least number that it has again once the lease is over: with an HPA its minReplicas from before,
    else replicas that carry the workload without anybody watching. `guard_percent` makes it another action for
    policy: meanwhile its HPA stands guard at that CPU target, and has `target_percent` again afterwards.
    """

    workload: WorkloadName
    min_replicas: Annotated[
        int | None, Field(ge=1, le=100_000, description="the fewest pods inside it; or null")
    ]
    max_replicas: Annotated[
        int | None, Field(ge=1, le=100_000, description="the most pods inside it; or null")
    ]
    until: Annotated[
        str | None, Field(max_length=20, description="when it ends, in UTC: 2026-12-01T08:00:00Z; or null")
    ]
    floor: Annotated[int, Field(ge=1, le=100_000, description="the least number of pods once it is over")]
    agent: Annotated[AgentName, Field(description="the agent that may move inside it, e.g. agent:tuner")]
    guard_percent: Annotated[
        int | None, Field(ge=1, le=100, description="the CPU target of its HPA meanwhile; null leaves it")
    ]
    target_percent: Annotated[
        int | None, Field(ge=1, le=100, description="with guard_percent: the target it has again; else null")
    ]
    risk_permille: Annotated[
        int | None,
        Field(ge=1, le=500, description="how often a forecast may be exceeded; null: the agent's risk"),
    ]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = (self.min_replicas, self.max_replicas, self.until)
        if any(one is None for one in given) and given != (None, None, None):
            raise ValueError("give min_replicas, max_replicas and until, or none of them")
        if (self.min_replicas or 0) > (self.max_replicas or 0):
            raise ValueError("min_replicas is above max_replicas: nothing would fit")
        if self.until is not None:
            utc_ms(self.until)
        self._guards()
        return self

    def _guards(self) -> None:
        """Afterwards its HPA adds pods no later than meanwhile: what is put back is never the looser target."""
        guard, target = self.guard_percent, self.target_percent
        if self.until is None and guard is not None:
            raise ValueError("guard_percent goes with a range only")
        if self.until is not None and (guard is None) is not (target is None):
            raise ValueError("give guard_percent and target_percent, or neither")
        if guard is not None and target is not None and guard < target:
            raise ValueError("guard_percent is below target_percent: without a lease its HPA would do less")


class ScaleArgs(Args):
    """`current_replicas` is a precondition (kubectl's `--current-replicas`); null is none."""

    workload: WorkloadName
    replicas: Annotated[int, Field(ge=0, le=100_000, description="the wanted number of pods")]
    current_replicas: Annotated[
        int | None, Field(ge=0, le=100_000, description="only if it has this many now; or null")
    ]


class KeepScalePointArgs(Args):
    """In which unit the workload's HPA has its CPU target; the number follows, at the same scale point."""

    workload: WorkloadName
    unit: Annotated[
        Literal["cpu", "percent"],
        Field(description="cpu: CPU of a pod, whatever it requests; percent: a share of its requests"),
    ]


Pods = Annotated[int | None, Field(ge=0, le=100_000)]
Percent = Annotated[int | None, Field(ge=1, le=10_000)]


class AutoscalerBoundsArgs(Args):
    """Bounds and CPU target of the workload's HorizontalPodAutoscaler; null leaves one as it is. `current_*` are
    preconditions; `lower_max` makes it another action for policy, because it takes away what a peak may need."""

    workload: WorkloadName
    min_replicas: Annotated[Pods, Field(description="the wanted minReplicas, at least 1; null leaves it")]
    max_replicas: Annotated[Pods, Field(description="the wanted maxReplicas; null leaves it")]
    target_percent: Annotated[
        Percent, Field(description="the wanted CPU utilisation in percent of requests; null leaves it")
    ]
    current_min_replicas: Annotated[Pods, Field(description="only if its minReplicas is this now; or null")]
    current_max_replicas: Annotated[Pods, Field(description="only if its maxReplicas is this now; or null")]
    current_target_percent: Annotated[Percent, Field(description="only if its target is this now; or null")]
    lower_max: Annotated[bool | None, Field(description="true allows to lower maxReplicas; else null")]

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not self.wanted():
            raise ArgumentsInvalid("nothing to set", hint="give min_replicas, max_replicas or target_percent")
        if self.min_replicas == 0:
            raise ArgumentsInvalid(
                "0 would let the HPA stop the workload (HPAScaleToZero)",
                where="min_replicas",
                hint="give at least 1; to stop it: scale to 0 replicas",
            )
        if self.max_replicas is not None and self.max_replicas < (self.min_replicas or 1):
            raise ArgumentsInvalid(
                f"{self.max_replicas} is less than the minimum, {self.min_replicas or 1}",
                where="max_replicas",
            )
        if self.lower_max and self.max_replicas is None:
            raise ArgumentsInvalid("it goes with max_replicas only", where="lower_max", hint="leave it out")
        return self

    def wanted(self) -> dict[str, int]:
        """The values that shall change, by the argument's name."""
        given = {name: getattr(self, name) for name in BOUNDS}
        return {name: value for name, value in given.items() if value is not None}


BOUNDS = {"min_replicas": "minReplicas", "max_replicas": "maxReplicas", "target_percent": "targetPercent"}
"""What of an HPA can be set, by the argument's name: policy's dimension of it."""
