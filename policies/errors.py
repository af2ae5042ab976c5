"""What can go wrong with a policy. Each error says what, where (file:line) and how to mend it."""


class PolicyError(Exception):
    """Base of this room's errors: `what` is wrong, `where` (`file:line` if known), and the `mend`."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend


class PolicyInvalid(PolicyError):
    """The operator's files do not make a policy. Nothing of them is in force.

    `problems` holds every finding of the load, this one first.
    """

    def __init__(self, problems: "tuple[PolicyError, ...]") -> None:
        first = problems[0]
        super().__init__(first.what, where=first.where, mend=first.mend)
        self.problems = problems


class RequestInvalid(PolicyError):
    """The request cannot be judged as it stands (a name that is none, a number that is none)."""
