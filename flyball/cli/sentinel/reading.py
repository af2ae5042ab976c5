"""The sentinel's inputs: a recorded series, a limit, a time."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.exits import UsageError

if TYPE_CHECKING:
    from forecasting.recorded.rows import Samples
    from forecasting.types import Floats

_VALUE_MAX = 1e18


def samples(
    path: Path, columns: Sequence[str], optional: str | None = None, *, choose: bool = False
) -> "Samples":
    """Times and the columns, with any gaps; `choose`: there is an option that names another column.

    Raises UsageError or BadTrace: a file that is not a series, a column of which nothing was measured.
    """
    from flyball.cli.kit import series_files
    from forecasting.recorded.rows import Accepts

    hint = "name another with --column" if choose else ""
    accepts = Accepts(gaps="any", negative=True, most=_VALUE_MAX, choose=hint)
    found = series_files.read(path, columns, accepts, optional)
    for name in columns:
        if not any(map(math.isfinite, found.columns[name])):
            hint = "leave out what was not measured, or name another with --column"
            raise UsageError(f"no value of `{name}` was measured", where=str(path), hint=hint)
    return found


def moment(text: str | None) -> int | None:
    """`--now` in Unix seconds. Raises BadTrace."""
    from forecasting.recorded.cells import instant

    return None if text is None else int(instant(text, "--now")[0])


def limit(
    given: str | None, column: "Sequence[float] | Floats", path: Path, values: "Sequence[float] | Floats"
) -> float:
    """What was given, else the newest known of the column `limit`. Raises UsageError, also for thousandths that
    the series' `values` lie far beyond: `512m` is half a byte, and was hardly meant."""
    if given is not None:
        bound = _quantity(given)
        if given.endswith("m") and min(values, default=0.0) > 1000 * bound:
            what = f"`{given}` is {bound:g}, and no value of the series is that low"
            hint = f"did you mean {given[:-1]}Mi?"
            raise UsageError(what, where="--limit", hint=hint)
        return bound
    known = [x for x in column if math.isfinite(x)]
    if not known or known[-1] <= 0:
        what = f"a limit of {known[-1]:g}" if known else "no limit"
        raise UsageError(what, where=str(path), hint="give --limit, such as 2Gi or 0.9")
    return float(known[-1])


def _quantity(text: str) -> float:
    from base.quantities import QuantityInvalid, parse

    try:
        bound = float(parse(text))
    except QuantityInvalid:
        bound = math.nan
    if not 0 < bound <= _VALUE_MAX:
        hint = "give a positive number, or bytes such as 512Mi or 2Gi"
        raise UsageError(f"`{text[:40]}` is not a limit", where="--limit", hint=hint)
    return bound
