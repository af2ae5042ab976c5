"""What a trace is refused for."""


class BadTrace(ValueError):
    """A trace that cannot be used: what is wrong, where (`file:line`), how to mend it."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(f"{where}: {what}; {mend}")
        self.what, self.where, self.mend = what, where, mend
