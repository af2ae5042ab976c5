"""The one base of our own errors. Each says what happened, where, and gives a hint; the original is chained."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

Effect = Literal["failed", "usage", "refused", "unavailable", "tampered", "in_doubt"]
"""What an error means for the caller: it failed; the question was wrong; policy said no; a needed part cannot be
reached and nothing was sent; stored evidence contradicts what was signed; sent, and nobody knows the effect yet."""


class FlyballError(Exception):
    """`what` happened, `where` (a file and line, a field, an object), and the `hint` that a person can try.

    `problems` holds every finding where there are several, this one first.
    """

    effect: ClassVar[Effect] = "failed"

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint

    @property
    def said(self) -> str:
        """What happened and where, in one line."""
        return f"{self.where}: {self.what}" if self.where else self.what

    @property
    def problems(self) -> "tuple[FlyballError, ...]":
        return (self,)


def words_of(finding: Mapping[str, Any]) -> str:
    """What a validation found (an entry of pydantic's `errors()`), without the prefix of a ValueError of our own."""
    return str(finding["msg"]).removeprefix("Value error, ")
