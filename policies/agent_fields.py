"""What an Agent document says beside its name: when it runs by itself, how far it goes where, and when it changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice, pairwise
from math import inf
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from policies.fields import Autonomy, Seconds, Spec, Zone
from policies.patterns import fits

LEVELS: tuple[Autonomy, ...] = get_args(Autonomy)
"""From the least to the most that an agent does by itself."""

_CLUSTER = r"(\*|[A-Za-z0-9][-._@:/A-Za-z0-9]{0,252}\*?)"
_NAMESPACE = r"(\*|[a-z0-9][-.a-z0-9]{0,251}\*?)"
ScopePattern = Annotated[str, Field(pattern=rf"\A{_CLUSTER}(/{_NAMESPACE})?\z")]
"""`cluster` or `cluster/namespace`; each part may end in `*`. Clusters' names may hold a `/` themselves."""


def _cron(value: Any) -> str:
    from cronsim import CronSim, CronSimError  # here: few policies have a schedule

    if not isinstance(value, str) or len(value.split()) != 5:
        raise ValueError("a cron expression has five fields: minute, hour, day, month, weekday")
    try:
        next(CronSim(value, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"`{value}` never comes: {error or 'no such day'}") from error
    return value


def parts_per_million(value: Any) -> int:
    """`2%` or `0.5%` as parts per million, exact. Raises ValueError."""
    number = value[:-1] if isinstance(value, str) and value.endswith("%") else ""
    try:
        ppm = Fraction(number) * 10_000 if number.replace(".", "", 1).isdecimal() else Fraction(-1)
    except ValueError:
        ppm = Fraction(-1)
    if ppm.denominator != 1 or not 0 < ppm <= 1_000_000:
        raise ValueError("a share is text above 0% and up to 100%, e.g. 2% or 0.5%")
    return int(ppm)


Cron = Annotated[str, BeforeValidator(_cron, json_schema_input_type=str)]
Share = Annotated[int, BeforeValidator(parts_per_million, json_schema_input_type=str)]
"""In parts per million."""
Lasting = Annotated[Seconds, Field(ge=60)]
"""A duration of at least a minute, in seconds."""


class Schedule(Spec):
    """When an agent runs by itself: five cron fields, read in an IANA zone.

    A time that passed while nobody served: `skip` leaves it out, `once` makes up for it with one run, as long as no
    more than `within` has passed.
    """

    cron: Cron
    zone: Zone = "UTC"
    misfire: Literal["skip", "once"] = "skip"
    within: Lasting = 1800

    @property
    def closest_s(self) -> float:
        """The shortest pause between two of its next sixty runs, in seconds."""
        from cronsim import CronSim

        runs = list(islice(CronSim(self.cron, datetime(2026, 1, 1, tzinfo=UTC)), 60))
        return min(((later - run).total_seconds() for run, later in pairwise(runs)), default=inf)


class Demotion(Spec):
    """After so many rollbacks within this time the agent falls one level by itself."""

    rollbacks: Annotated[int, Field(ge=1, le=100)]
    within: Lasting


class Promotion(Spec):
    """How long an agent must have been watched before it may be raised a level."""

    shadow: Lasting


def level_in(levels: Mapping[str, Autonomy], cluster: str, namespace: str | None) -> Autonomy:
    """The level of the most specific pattern for this place, `observe` where none fits.

    A pattern is more specific than another where its cluster and its namespace are at least as specific, and one of
    them more. Where several remain, of which none is (`prod/*` and `*/shop`), the lowest level holds.
    """
    found = [(rank, level) for key, level in levels.items() for rank in _ranks(key, cluster, namespace or "")]
    best = [level for rank, level in found if not any(_beats(other, rank) for other, _ in found)]
    return min(best, key=LEVELS.index, default="observe")


_Rank = tuple[tuple[bool, int], tuple[bool, int]]
"""How specific the cluster's and the namespace's pattern are: literal or not, and how long."""


def _ranks(key: str, cluster: str, namespace: str) -> list[_Rank]:
    """How specific the key is here; empty where it does not fit. What holds a `/` may be a cluster's own name."""
    ranks: list[_Rank] = [(_rank(key), (False, -1))] if fits(cluster, key) else []
    at, slash, within = key.rpartition("/")
    if slash and fits(cluster, at) and fits(namespace, within):
        ranks.append((_rank(at), _rank(within)))
    return ranks


def _rank(pattern: str) -> tuple[bool, int]:
    return not pattern.endswith("*"), len(pattern)


def _beats(one: _Rank, other: _Rank) -> bool:
    return one != other and one[0] >= other[0] and one[1] >= other[1]
