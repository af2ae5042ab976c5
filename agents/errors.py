"""The errors of agents and of their model clients. Each error says what, where and a hint."""

from base.errors import FlyballError


class AgentError(FlyballError):
    """Base of the errors of this package."""


class ModelError(AgentError):
    """The model gave no usable reply; nothing was proposed by this call."""


class ModelMissing(ModelError):
    """No model is configured."""


class ModelRefused(ModelError):
    """The endpoint answered with a refusal: wrong key, model name, or a request that it does not accept."""


class ContextExceeded(ModelRefused):
    """The conversation is longer than the model's context."""


class ModelUnavailable(ModelError):
    """The endpoint could not be reached, is overloaded, or did not answer in time."""

    effect = "unavailable"


class ReplyMalformed(ModelError):
    """What came back is not a Chat Completions reply."""


class ThreadInvalid(AgentError):
    """The thread's name is not valid, or the thread belongs to another place or person."""


class StrategyUnknown(AgentError):
    """No tuning strategy has this name."""

    effect = "usage"


class StrategyBroken(AgentError):
    """A strategy answered about workloads that it was not asked about, or with an invalid number of replicas."""
