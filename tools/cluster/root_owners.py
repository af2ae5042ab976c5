"""The object at the top of a workload's owners: what a lease is held on, so that two names of one thing are one."""

from audit.clock import Clock
from policies.types import Target
from tools.cluster.api import METADATA_ONLY
from tools.cluster.kinds import CONTROLLERS, Object, path_of
from tools.cluster.objects import controller_of
from tools.cluster.pages import Pages
from tools.errors import NeverHappened, NotFound

KEPT_US = 60_000_000
"""Microseconds. Owners hardly ever change, and a lease on an old root only lets two processes work side by side: what
keeps them apart are the claims and the resourceVersion."""
_MOST = 8


class RootOwners:
    """Climbs from owner to owner, and remembers where that ended."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages, self._clock = pages, clock
        self._known: dict[str, tuple[int, Target]] = {}

    async def of(self, target: Target) -> Target:
        """Raises NotFound, NeverHappened or ClusterUnavailable where the target itself cannot be read."""
        now = self._clock.mono_us()
        until, root = self._known.get(target.key, (0, target))
        if now >= until:
            root = await self._climbed(target)
            self._known[target.key] = (now + KEPT_US, root)
        return root

    async def _climbed(self, target: Target) -> Target:
        """Follows `controller: true`. Ends at an owner of a kind that is named only (a custom resource), and
        below one that is gone or may not be read."""
        here = target
        for _ in range(_MOST):
            if (reference := await self._reference(here, target)) is None:
                return here
            if (above := _owner_target(target, reference)) is None:
                return here
            here = above
            if not _is_known(reference):
                return here
        return here

    async def _reference(self, here: Target, begun: Target) -> Object | None:
        """Who controls it; None where nobody does, or where an owner cannot be read."""
        path = path_of(here)
        try:
            obj = await self._pages.get(path, accept=METADATA_ONLY)
        except (NotFound, NeverHappened):
            if here == begun:
                raise
            return None
        return self._pages.parse(lambda: controller_of(obj["metadata"]), path)


def _owner_target(below: Target, reference: Object) -> Target | None:
    """The owner that a reference names; None where it holds what is not a name: it is untrusted text."""
    try:
        return Target(
            cluster=below.cluster,
            namespace=below.namespace,
            kind=str(reference["kind"]).lower(),
            name=reference["name"],
        )
    except (KeyError, ValueError):
        return None


def _is_known(reference: Object) -> bool:
    kind = CONTROLLERS.get(reference["kind"].lower())
    return kind is not None and reference.get("apiVersion", "").rpartition("/")[0] == kind.group
