"""What can go wrong on the way to the cluster, sorted by what it means for the world.

The three kinds of failed write decide everything: NeverHappened is final, DefiniteConflict is decided again,
MayHaveHappened is never retried and never final: the resolver looks.
"""


class ToolError(Exception):
    """Base of this room's errors: `what` happened, `where`, and the `mend` that a person can try."""

    def __init__(
        self, what: str, *, where: str = "", mend: str = "", code: str = "", http: int | None = None
    ):
        super().__init__(what)
        self.what, self.where, self.mend, self.code, self.http = what, where, mend, code, http

    @property
    def said(self) -> str:
        """What happened and where, in one line."""
        return f"{self.where}: {self.what}" if self.where else self.what


class ArgumentsInvalid(ToolError):
    """The call's arguments do not fit the tool's schema; safe to show to a model."""


class UnknownTool(ToolError):
    """No such tool is registered."""


class NotFound(ToolError):
    """The object is not there (a definite answer of the cluster)."""


class ClusterAway(ToolError):
    """The cluster could not be asked; nothing was sent that could change it."""


class MetricsAway(ToolError):
    """The source of metrics could not be asked, or its answer cannot be believed. Nothing is concluded."""


class ReadRefused(ToolError):
    """Policy does not let this principal read that. `record` is the refusal's number in the log."""

    def __init__(self, what: str, *, where: str, record: int, stage: str) -> None:
        stopped = "flyball status says what is stopped, and how it is lifted"
        mend = stopped if stage == "kill_switch" else "flyball policy can-i says what it may read"
        super().__init__(what, where=where, mend=mend)
        self.record = record


class ClusterMismatch(ToolError):
    """The context's name is pinned to another cluster's UID."""


class WriteError(ToolError):
    """A write did not end well; always one of the three below."""


class NeverHappened(WriteError):
    """Definitely without effect: refused by the apiserver (4xx but 409), or never sent."""


class DefiniteConflict(WriteError):
    """409: the object moved on. Without effect; decide again on a fresh read."""


class MayHaveHappened(WriteError):
    """Timeout, reset, 5xx: the effect is unknown until somebody looks."""
