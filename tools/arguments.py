"""Argument models of actions that code proposes too: plain data, so that an agent may hold them.

A model's call is parsed into the very same ones; an action that only models call keeps its own in its file.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from base.instants import utc_ms
from policies.types import AgentName


class Args(BaseModel):
    """A tool's arguments: strict types, no unknown fields, no defaults (strict JSON schemas want all named)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


WorkloadName = Annotated[str, Field(max_length=300, description="KIND/NAME, e.g. deployment/web")]
"""A workload as a tool's argument; `tools.cluster.names.target` parses it."""


class SetEnvelopeArgs(Args):
    """A range of replicas that `agent` may move in until `until`; all three null: no envelope any more.

    `floor` is the least number that it has again once the lease is over: with an HPA its minReplicas from before,
    else replicas that carry the workload without anybody watching.
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

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = (self.min_replicas, self.max_replicas, self.until)
        if any(one is None for one in given) and given != (None, None, None):
            raise ValueError("give min_replicas, max_replicas and until, or none of them")
        if (self.min_replicas or 0) > (self.max_replicas or 0):
            raise ValueError("min_replicas is above max_replicas: nothing would fit")
        if self.until is not None:
            utc_ms(self.until)
        return self


class ScaleArgs(Args):
    """`current_replicas` is a precondition (kubectl's `--current-replicas`); null is none."""

    workload: WorkloadName
    replicas: Annotated[int, Field(ge=0, le=100_000, description="the wanted number of pods")]
    current_replicas: Annotated[
        int | None, Field(ge=0, le=100_000, description="only if it has this many now; or null")
    ]
