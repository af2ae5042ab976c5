"""What a refused person can ask for instead: in each number what is allowed now, and the command that asks so."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from base.quantities import millicores, whole_bytes
from policies.quantities import shown
from policies.types import Headroom, Request, Scalar
from tools.arguments import BOUNDS
from tools.path.outcome import Refused
from tools.resource_arguments import VALUES

ARGUMENTS = {"replicas": "replicas"} | {value.dimension: name for name, value in VALUES.items()}
ARGUMENTS |= {dimension: name for name, dimension in BOUNDS.items()}
"""By dimension, the argument that moves it."""


def hints(result: Refused) -> list[str]:
    """Lines below a refusal; empty where no number would help."""
    headrooms = result.decision.headroom if result.decision else ()
    ordered = sorted(headrooms, key=lambda headroom: (not headroom.alone, headroom.rule))
    found = list[str]()
    for (alone, rule), group in groupby(ordered, key=lambda headroom: (headroom.alone, headroom.rule)):
        found += _lines(result.request, alone, rule, list(group))
    return found


def _lines(request: Request, alone: bool, rule: str, headrooms: Sequence[Headroom]) -> Iterator[str]:
    label = "alone, now: " if alone else "approved:   "
    spans = ", ".join(
        f"{headroom.dimension} {_span(headroom)}".removeprefix("replicas ") for headroom in headrooms
    )
    wanted = {d for d, argument in ARGUMENTS.items() if request.args.get(argument) is not None}
    within = {headroom.dimension: headroom for headroom in headrooms}
    # One rule alone may not let all of them move, and not everything that policy bounds is a flag of its own.
    if not wanted or not wanted <= within.keys() <= ARGUMENTS.keys():
        yield f"  {label} {spans}   ({rule})"
        return
    t, flags = request.target, " ".join(_flags(request.args, within))
    tool = request.tool.replace("_", "-")
    yield f"  {label} flyball act {tool} {t} -n {t.namespace} {flags}   ({rule}: {spans})"


def _span(headroom: Headroom) -> str:
    low, high = shown(headroom.low, headroom.dimension), shown(headroom.high, headroom.dimension)
    return low if low == high else f"{low} to {high}"


def _flags(args: Mapping[str, Scalar], within: Mapping[str, Headroom]) -> Iterator[str]:
    """The arguments again, each number moved into what is allowed, by as little as possible."""
    headrooms = {ARGUMENTS[dimension]: headroom for dimension, headroom in within.items()}
    for name, value in args.items():
        flag = "--" + name.replace("_", "-")
        if name == "workload" or value is None or value is False:
            continue
        if name in headrooms:
            yield f"{flag} {_nearest(str(value), headrooms[name])}"
        else:
            yield flag if value is True else f"{flag} {value}"


def _nearest(text: str, headroom: Headroom) -> str:
    """Read as the tool read it: an amount finer than a millicore or a byte counts as the next whole one."""
    read = {"cpu": millicores, "memory": whole_bytes}
    asked = next((parse(text) for name, parse in read.items() if headroom.dimension.startswith(name)), None)
    return shown(
        min(max(int(text) if asked is None else asked, headroom.low), headroom.high), headroom.dimension
    )
