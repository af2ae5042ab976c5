"""What a trace is refused for."""

from forecasting.errors import ForecastError


class BadTrace(ForecastError):
    """A trace that cannot be used; `where` is `file:line` if known."""

    def __init__(self, what: str, where: str, hint: str) -> None:
        super().__init__(what, where=where, hint=hint)

    def __str__(self) -> str:
        return f"{self.said}; {self.hint}"
