"""Argument models of actions that code proposes too: plain data, so that an agent may hold them.

A model's call is parsed into the very same ones; an action that only models call keeps its own in its file.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Args(BaseModel):
    """A tool's arguments: strict types, no unknown fields, no defaults (strict JSON schemas want all named)."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


WorkloadName = Annotated[str, Field(max_length=300, description="KIND/NAME, e.g. deployment/web")]
"""A workload as a tool's argument; `tools.cluster.names.target` parses it."""


class ScaleArgs(Args):
    """`current_replicas` is a precondition (kubectl's `--current-replicas`); null is none."""

    workload: WorkloadName
    replicas: Annotated[int, Field(ge=0, le=100_000, description="the wanted number of pods")]
    current_replicas: Annotated[
        int | None, Field(ge=0, le=100_000, description="only if it has this many now; or null")
    ]
