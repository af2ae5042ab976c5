"""The errors of calls to the cluster, classified by their effect on it.

The three kinds of failed write decide everything: NeverHappened is final, DefiniteConflict is decided again,
MayHaveHappened is never retried and never final: the resolver looks.
"""

from typing import Any, TypeVar

from base.errors import FlyballError
from base.text import harmless

_MOST = 2048
"""Characters of what an error says."""
_Kind = TypeVar("_Kind", bound="ToolError")


class ToolError(FlyballError):
    """Base of the errors of this package. `code` and `http` are what the apiserver answered, where it did.

    This is the one door of texts from outside that are no data: an apiserver's message, a webhook's, a source's of
    metrics. `quotes` says that such words may be in it: untrusted text, which taints the session of a model that is
    told of it; what came with an HTTP status counts as such unless its maker says otherwise. Whatever it quotes, an
    error is harmless from here on: no secret and no control character enters a record, a terminal or a model.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        code: str = "",
        http: int | None = None,
        quotes: bool | None = None,
    ) -> None:
        quotes = http is not None if quotes is None else quotes
        super().__init__(harmless(what, _MOST), where=where, hint=harmless(hint, _MOST) if quotes else hint)
        self.code, self.http, self.quotes = harmless(code, 128), http, quotes

    def recast(self, kind: type[_Kind], **other: Any) -> _Kind:
        """The same as an error of another kind, where it has another effect; `other` parts replace its own.
        Whose words it holds is never lost on the way."""
        same = {name: getattr(self, name) for name in ("what", "where", "hint", "code", "http", "quotes")}
        return kind(**{**same, **other})


class ArgumentsInvalid(ToolError):
    """The call's arguments do not fit the tool's schema; safe to show to a model."""

    effect = "usage"


class UnknownTool(ToolError):
    """No such tool is registered."""

    effect = "usage"


class NotFound(ToolError):
    """The object is not there (a definite answer of the cluster)."""


class ClusterUnavailable(ToolError):
    """The cluster could not be asked; nothing was sent that could change it."""

    effect = "unavailable"


class MetricsUnavailable(ToolError):
    """The source of metrics could not be asked, or its answer cannot be believed. Nothing is concluded."""

    effect = "unavailable"


class ReadRefused(ToolError):
    """Policy does not let this principal read that. `record` is the refusal's number in the log."""

    effect = "refused"

    def __init__(self, what: str, *, where: str, record: int, stage: str) -> None:
        stopped = "flyball status says what is stopped, and how it is lifted"
        hint = stopped if stage == "kill_switch" else "flyball policy can-i says what it may read"
        super().__init__(what, where=where, hint=hint)
        self.record = record


class ClusterMismatch(ToolError):
    """The context's name is pinned to another cluster's UID."""

    effect = "refused"


class WriteError(ToolError):
    """A write did not end well; always one of the three below."""


class NeverHappened(WriteError):
    """Definitely without effect: refused by the apiserver (4xx but 409), or never sent."""


class DefiniteConflict(WriteError):
    """409: the object changed. Without effect; decide again on a fresh read."""


class MayHaveHappened(WriteError):
    """Timeout, reset, 5xx: the effect is unknown until the object is read again."""

    effect = "in_doubt"
