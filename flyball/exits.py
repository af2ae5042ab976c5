"""The one table of exit codes (docs/cli.md; a test holds the two together)."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    WAITING = 4
    IN_DOUBT = 5
    TAMPERED = 6
    AWAY = 7
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
    Exit.AWAY: "a needed part is away (cluster, log); nothing was sent",
    Exit.DECLINED: "declined by the person",
    Exit.DIFFERENT: "differences, only with --exit-code",
    Exit.INTERRUPTED: "interrupted with nothing in flight",
    Exit.TERMINATED: "terminated with nothing in flight",
}


class Stop(Exception):
    """End the command with this code; what is to be said has been printed."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code.name)
        self.code = code


class UsageError(Exception):
    """A mistake on the command line or in the settings: what, where, how to mend; exit 2."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend
