"""Durations: `1h30m` as people write it, and Go's notation as the Kubernetes API uses it."""

import re
from decimal import ROUND_CEILING, Decimal

_UNIT_S = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)
_GO_UNIT_S = {"ns": "1e-9", "us": "1e-6", "µs": "1e-6", "ms": "1e-3", "s": "1", "m": "60", "h": "3600"}
_GO_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)", re.ASCII)


class DurationInvalid(ValueError):
    """The text is not a duration."""


def seconds(text: str) -> int:
    """`90s`, `5m`, `1h30m`, `1d12h` in seconds: whole numbers, larger units first. Raises DurationInvalid."""
    found = _WRITTEN.fullmatch(text)
    if found is None or not any(found.groups()):
        raise DurationInvalid(f"`{text[:64]}` is not a duration; write e.g. 90s, 5m, 1h30m or 2d")
    return sum(int(n or 0) * unit for n, unit in zip(found.groups(), _UNIT_S.values(), strict=True))


def written(amount_s: int, most: int = len(_UNIT_S)) -> str:
    """Seconds as `seconds` reads them back: `1h30m`; `0s` for none. What is finer than `most` units from the largest
    on is left away: with 2, `1d2h` and `2h3m`."""
    names = list(_UNIT_S)
    first = next((i for i, name in enumerate(names) if amount_s >= _UNIT_S[name]), 0)
    parts, left = "", amount_s
    for name in names[first : first + most]:
        number, left = divmod(left, _UNIT_S[name])
        parts += f"{number}{name}" if number else ""
    return parts or "0s"


def go_microseconds(text: str) -> int:
    """A duration as Go's time.ParseDuration takes it (`10s`, `1m0.5s`, `350ms`), without a sign, in whole
    microseconds, rounded up: how the Kubernetes API writes metav1.Duration. Raises DurationInvalid."""
    parts = _GO_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise DurationInvalid(f"`{text[:64]}` is not a duration such as 30s or 1m30s")
    total = sum((Decimal(number) * Decimal(_GO_UNIT_S[unit]) for number, unit in parts), Decimal(0))
    return int((total * 1_000_000).to_integral_value(ROUND_CEILING))


def go_seconds(text: str) -> int:
    """The same in whole seconds, rounded up."""
    return -(-go_microseconds(text) // 1_000_000)
