"""A cluster that cannot be asked now, for the commands whose answer is in the log.

Default deny: nothing is read, nothing is written, and of who the cluster is no more is known than its pin.
"""

from typing import NoReturn

from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterUnavailable, NeverHappened, ToolError


class AwayCluster:
    """The reading ports (ClusterReader, UsageReader): each read raises ClusterUnavailable, saying why it is away."""

    def __init__(self, identity: ClusterIdentity, why: ToolError) -> None:
        self._identity, self._why = identity, why

    async def identity(self) -> ClusterIdentity:
        """As it is pinned; without UID where it never was."""
        return self._identity

    async def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise self._why.recast(ClusterUnavailable)

    namespaces = list_workloads = read = root_owner = pods = pods_of = events = _refuse
    autoscaler = autoscalers = autoscalers_of = restraints_of = resizable = usage = _refuse


class NoWriter:
    """The writing port (ClusterWriter) of a cluster that is away: nothing is ever sent."""

    async def apply(self, *_: object, **__: object) -> NoReturn:
        raise _never_sent()

    async def resize(self, *_: object, **__: object) -> NoReturn:
        raise _never_sent()

    async def set_bounds(self, *_: object, **__: object) -> NoReturn:
        raise _never_sent()

    async def fence_autoscaler(self, *_: object, **__: object) -> NoReturn:
        raise _never_sent()

    async def fence(self, *_: object, **__: object) -> NoReturn:
        raise _never_sent()

    async def fence_pod(self, *_: object, **__: object) -> NoReturn:
        raise _never_sent()


def _never_sent() -> NeverHappened:
    return NeverHappened("the cluster is away: nothing was sent", code="NotSent")
