"""The errors of forecasts."""

from typing import ClassVar

from base.errors import Effect, FlyballError


class ForecastError(FlyballError):
    """Numbers that allow no forecast."""


class BadTrace(ForecastError):
    """A recorded series that cannot be used; `where` is `file:line` if known."""

    effect: ClassVar[Effect] = "usage"

    def __init__(self, what: str, where: str, hint: str) -> None:
        super().__init__(what, where=where, hint=hint)
