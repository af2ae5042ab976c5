"""What can go wrong with a policy. Each error says what, where (file:line) and a hint."""

from base.errors import FlyballError


class PolicyError(FlyballError):
    """Base of the errors of this package; `where` is `file:line` if known."""

    effect = "usage"


class PolicyInvalid(PolicyError):
    """The operator's files do not make a policy. Nothing of them is in force.

    `problems` holds every finding of the load, this one first.
    """

    def __init__(self, problems: "tuple[PolicyError, ...]") -> None:
        first = problems[0]
        super().__init__(first.what, where=first.where, hint=first.hint)
        self._problems = problems

    @property
    def problems(self) -> "tuple[FlyballError, ...]":
        return self._problems


class RequestInvalid(PolicyError):
    """The request cannot be judged (an invalid name, an invalid number)."""
