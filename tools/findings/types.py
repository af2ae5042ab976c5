"""Finding: something foreseen for one workload, with what it was concluded from. Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from policies.types import Target

What = Literal["memory", "saturation", "slo_burn", "disk"]
WHATS: tuple[What, ...] = get_args(What)


@dataclass(frozen=True, slots=True)
class Finding:
    """`figures` are named integers, their units at the end of their names; `said` is the sentence for people,
    `advice` what would help or why nothing does, `command` what to type, `tried` how a dry run of it ended."""

    what: What
    target: Target
    said: str
    figures: Mapping[str, int] = field(default_factory=dict)
    advice: str = ""
    command: str = ""
    tried: str = ""


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that is open by the log: since when (Unix ms of the world), in which record."""

    finding: Finding
    since_ms: int
    record: int
