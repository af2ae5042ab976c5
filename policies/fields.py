"""The values that policy documents are made of, each parsed strictly on entry.

A quantity becomes an integer of its unit, a duration seconds, an instant Unix ms.
"""

import re
from datetime import datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from base.durations import seconds
from policies.quantities import quantity, ratio


class Spec(BaseModel):
    """Strict, closed, camelCase outside, frozen."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", alias_generator=to_camel, arbitrary_types_allowed=True
    )


def _seconds(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("a duration is text such as 90s, 5m or 1h30m")
    return seconds(value)


def _instant(value: Any) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError("an instant is text such as 2026-12-24T18:00:00+01:00") from error
    if moment.tzinfo is None:
        raise ValueError("an instant needs its offset, e.g. 2026-12-24T18:00:00Z")
    return int(moment.timestamp() * 1000)


def _wall(value: Any) -> time:
    try:
        moment = time.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ValueError("a time of day is text such as 22:00") from error
    if moment.tzinfo is not None:
        raise ValueError("a time of day has no offset; give the window a zone")
    return moment


def _zone(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a zone is an IANA name such as Europe/Berlin")
    try:
        ZoneInfo(value)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"`{value}` is not an IANA time zone, e.g. Europe/Berlin") from error
    return value


def _ratio(value: Any) -> Fraction:
    if not isinstance(value, int | str | Decimal):
        raise ValueError("a factor is a number such as 2 or 1.5")
    return ratio(value)


def _hourly(value: Any) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5})/h", value, re.ASCII) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a rate is text such as 30/h")
    return int(found[1])


def _cpu(value: Any) -> int:
    return _quantity(value, "cpuRequest")


def _memory(value: Any) -> int:
    return _quantity(value, "memoryRequest")


def _quantity(value: Any, dimension: str) -> int:
    if not isinstance(value, int | str | Decimal):
        raise ValueError("a quantity is text such as 500m or 1Gi")
    return quantity(value, dimension)


_NAME = r"[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?"
_STAR = r"(\*|[a-z0-9][-.a-z0-9]{0,251}\*?)"

Seconds = Annotated[int, BeforeValidator(_seconds, json_schema_input_type=str)]
Hourly = Annotated[int, BeforeValidator(_hourly, json_schema_input_type=str)]
Instant = Annotated[int, BeforeValidator(_instant, json_schema_input_type=str)]
WallTime = Annotated[time, BeforeValidator(_wall, json_schema_input_type=str)]
Zone = Annotated[str, BeforeValidator(_zone, json_schema_input_type=str)]
Ratio = Annotated[
    Fraction, BeforeValidator(_ratio, json_schema_input_type=int | float | str), PlainSerializer(str)
]
Replicas = Annotated[int, Field(ge=0, le=1_000_000)]
Cpu = Annotated[int, BeforeValidator(_cpu, json_schema_input_type=int | float | str)]
Memory = Annotated[int, BeforeValidator(_memory, json_schema_input_type=int | float | str)]
Name = Annotated[str, Field(pattern=rf"\A{_NAME}\z")]
RoleName = Annotated[str, Field(pattern=rf"\A{_NAME}\z")]
Subject = Annotated[
    str, Field(pattern=r"\A(agent:|human:|group:|role:)[A-Za-z0-9_]([-.@A-Za-z0-9_]{0,127})\z")
]
Pattern = Annotated[str, Field(pattern=rf"\A{_STAR}\z")]
ClusterPattern = Annotated[str, Field(pattern=r"\A(\*|[A-Za-z0-9][-._@:/A-Za-z0-9]{0,252}\*?)\z")]
KindPattern = Annotated[str, Field(pattern=r"\A(\*|[a-z]{1,63})\z")]
Action = Annotated[str, Field(pattern=r"\A[a-z][a-z0-9_]{0,62}\z")]
LabelKey = Annotated[
    str, Field(pattern=r"\A([-.a-z0-9]{1,253}/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?\z")
]
LabelValue = Annotated[str, Field(pattern=r"\A([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?\z")]
Autonomy = Literal["observe", "recommend", "approve", "autonomous"]
Some = Field(min_length=1)
