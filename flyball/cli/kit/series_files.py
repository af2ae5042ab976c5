"""Recorded series that a person names: files read within bounds, before anything is written."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.exits import UsageError

if TYPE_CHECKING:
    from forecasting.recorded.rows import Accepts, Samples

_MOST_BYTES = 256 << 20


def read(path: Path, columns: Sequence[str], accepts: "Accepts", optional: str | None = None) -> "Samples":
    """The samples of a CSV or .csv.gz. Raises UsageError: it cannot be read; BadTrace: it is not a series."""
    from forecasting.recorded.rows import read as parsed
    from forecasting.recorded.text import text_of

    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as e:
        raise UsageError(str(e.strerror), where=str(path), hint="name a file that can be read") from e
    return parsed(text_of(raw, str(path), _MOST_BYTES), str(path), columns, accepts, optional)
