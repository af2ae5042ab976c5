"""Label selectors as the API's `labelSelector` query parameter has them."""

import re
from collections.abc import Mapping

from sandbox.api.errors import ApiError

_KEY = r"[A-Za-z0-9][-A-Za-z0-9_./]*"
_VALUE = r"[-A-Za-z0-9_.]*"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s+\(([^()]*)\)")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_SPLIT = re.compile(r",(?![^(]*\))")


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy every requirement. Raises ApiError 400 for text that is not a selector."""
    return all(_holds(part.strip(), labels) for part in _SPLIT.split(selector) if selector.strip())


def _holds(part: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.fullmatch(part):
        among = labels.get(found[1]) in [v.strip() for v in found[3].split(",")]
        return among if found[2] == "in" else not among
    if found := _EQUAL.fullmatch(part):
        equal = labels.get(found[1]) == found[3]
        return equal if found[2] != "!=" else not equal
    if found := _EXISTS.fullmatch(part):
        return (found[2] in labels) != bool(found[1])
    raise ApiError(400, "BadRequest", f"unable to parse requirement: `{part}`")
