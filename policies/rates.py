"""Rates as policies write them: `6/h`, `40/d`, `8Gi/h`: so much within any hour, or any day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from policies.quantities import UNITS, quantity

_SECONDS = {"h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `amount` within any stretch of so many seconds."""

    amount: int
    seconds: int


def rate(value: Any, dimension: str) -> Rate:
    """The rate, its amount in the dimension's unit. Raises ValueError with a hint."""
    if isinstance(value, Rate):
        return value
    number, slash, unit = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash or unit not in _SECONDS:
        raise ValueError("a rate is text such as 6/h or 40/d")
    amount = quantity(number, dimension)
    if amount < 1:
        raise ValueError("a rate of nothing: write `effect: deny`, or leave the rule out")
    return Rate(amount, _SECONDS[unit])


def _count(value: Any) -> Rate:
    return rate(value, "replicas")


def _by_dimension(value: Any) -> dict[str, Rate]:
    """`12/h` is of replicas; other numbers are named."""
    given = value if isinstance(value, Mapping) else {"replicas": value}
    for dimension in given:
        if dimension not in UNITS:
            raise ValueError(f"`{dimension}` is not one of {', '.join(UNITS)}")
    return {dimension: rate(text, dimension) for dimension, text in given.items()}


Changes = Annotated[Rate, BeforeValidator(_count, json_schema_input_type=str)]
Amounts = Annotated[
    dict[str, Rate], BeforeValidator(_by_dimension, json_schema_input_type=str | dict[str, str])
]
"""A rate by dimension."""
