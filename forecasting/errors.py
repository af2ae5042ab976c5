"""What forecasts are refused for."""


class ForecastError(Exception):
    """Numbers that nothing can be said from: `what` is wrong, `where`, and the `mend` that a person can try."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend
