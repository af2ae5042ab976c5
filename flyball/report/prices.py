"""A price table: what a core and a GiB cost an hour. An estimate says by which table it was made.

```toml
name = "prod contract 2026"
currency = "EUR"
core_hour = "0.0312"
gib_hour = "0.0041"
```
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any

from base import toml_files
from flyball.exits import UsageError

MAX_BYTES = 64 * 1024
_KEYS = ("name", "currency", "core_hour", "gib_hour")
_HIGHEST = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Prices:
    """`core_hour` and `gib_hour` in `currency`."""

    name: str
    currency: str
    core_hour: Decimal
    gib_hour: Decimal

    def of(self, core_hours: float, gib_hours: float | None) -> Decimal:
        """What so many core-hours and GiB-hours cost, to a hundredth; memory that nobody knows costs nothing here."""
        cores = Decimal(str(core_hours)) * self.core_hour
        return (cores + Decimal(str(gib_hours or 0)) * self.gib_hour).quantize(Decimal("0.01"))


def load(path: Path | None) -> Prices:
    """The table of this file; without one the shipped example. Raises UsageError."""
    where = str(path) if path else "the shipped price table"
    try:
        table = toml_files.load(path, MAX_BYTES) if path else toml_files.parse(_shipped())
    except toml_files.TomlInvalid as e:
        raise UsageError(f"no price table: {e}", where=where, hint=_HINT) from e
    return _parsed(table, where)


def _shipped() -> bytes:
    return (resources.files("flyball.report") / "example_prices.toml").read_bytes()


def _parsed(table: Mapping[str, Any], where: str) -> Prices:
    for key in (*table, *_KEYS):
        if key not in table or key not in _KEYS:
            what = "is missing" if key not in table else "is not known"
            raise UsageError(f"`{key[:40]}` {what}", where=where, hint=_HINT)
    name, currency = (_word(table[key], key, where) for key in ("name", "currency"))
    return Prices(name, currency, *(_price(table[key], key, where) for key in ("core_hour", "gib_hour")))


def _word(value: object, key: str, where: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isprintable():
        raise UsageError(f"`{key}` is no short text", where=where, hint=_HINT)
    return value


def _price(value: object, key: str, where: str) -> Decimal:
    try:
        found = Decimal(str(value)) if isinstance(value, str | int | float) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite() or not 0 <= found <= _HIGHEST:
        raise UsageError(f"`{str(value)[:40]}` is no price", where=f"{where}: {key}", hint=_HINT)
    return found


_HINT = 'name = "prod contract 2026", currency = "EUR", core_hour = "0.0312", gib_hour = "0.0041"'
