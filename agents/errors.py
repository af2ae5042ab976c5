"""What can go wrong on the side of those who propose. Each error says what, where and how to mend it."""


class AgentError(Exception):
    """Base of this room's errors: `what` happened, `where`, and the `mend` that a person can try."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend


class ModelError(AgentError):
    """The model gave no usable reply; nothing was proposed by this call."""


class ModelMissing(ModelError):
    """No model is configured."""


class ModelRefused(ModelError):
    """The endpoint is there and says no: key, model name, or a request that it does not take."""


class ModelAway(ModelError):
    """The endpoint could not be reached, is overloaded, or did not answer in time."""


class ReplyMalformed(ModelError):
    """What came back is no Chat Completions reply."""


class ThreadInvalid(AgentError):
    """The thread's name is none, or the thread belongs to another place or person."""
