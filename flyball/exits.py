"""The one table of exit codes (docs/cli.md; a test holds the two together)."""

from enum import IntEnum

from base.errors import Effect, FlyballError


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    WAITING = 4
    IN_DOUBT = 5
    TAMPERED = 6
    UNAVAILABLE = 7
    DECLINED = 9
    DIFFERENT = 10
    INTERRUPTED = 130
    TERMINATED = 143


MEANING = {
    Exit.DONE: "done (also: empty, unchanged, pipe closed)",
    Exit.FAILED: "failed, or rolled back",
    Exit.USAGE: "usage",
    Exit.REFUSED: "refused by policy",
    Exit.WAITING: "waits for approval",
    Exit.IN_DOUBT: "in doubt: sent, the effect is not known yet",
    Exit.TAMPERED: "tampering found",
    Exit.UNAVAILABLE: "a needed part cannot be reached (cluster, log); nothing was sent",
    Exit.DECLINED: "declined by the person",
    Exit.DIFFERENT: "differences, only with --exit-code",
    Exit.INTERRUPTED: "interrupted with nothing in flight",
    Exit.TERMINATED: "terminated with nothing in flight",
}


EXIT_OF: dict[Effect, Exit] = {
    "failed": Exit.FAILED,
    "usage": Exit.USAGE,
    "refused": Exit.REFUSED,
    "unavailable": Exit.UNAVAILABLE,
    "tampered": Exit.TAMPERED,
    "in_doubt": Exit.IN_DOUBT,
}
"""The exit code of an error of ours, by what it means for the caller."""


class Stop(Exception):
    """End the command with this code; everything has been printed already."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code.name)
        self.code = code


class Interrupted(Exception):
    """A watch or a wait was cut off by a signal while nothing was written; what there is to say has been said."""


class UsageError(FlyballError):
    """A mistake on the command line or in the settings; exit 2."""

    effect = "usage"
