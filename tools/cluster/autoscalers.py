"""HPAs as they are written to: read anew, with who else keeps them, and remembered as the workload's own."""

from collections import OrderedDict

from policies.types import Target
from tools.cluster import objects
from tools.cluster.field_owners import FieldOwnersReader
from tools.cluster.kinds import AUTOSCALERS, Object
from tools.cluster.owners import all_aimed_at, bounds_owner_of
from tools.cluster.pages import Pages
from tools.cluster_types import Autoscaler

_KEPT = 256


class Autoscalers:
    """Reads those of one workload."""

    def __init__(self, pages: Pages, owners: FieldOwnersReader) -> None:
        self._pages, self._owners = pages, owners
        self._seen: OrderedDict[str, list[Autoscaler]] = OrderedDict()

    async def of(self, target: Target) -> list[Autoscaler]:
        """All that are aimed at it, from no cache: after a conflict the version must be a new one."""
        items = await self._pages.list(AUTOSCALERS, target.namespace, {})
        aimed = self._pages.parse(lambda: all_aimed_at(target, items), f"HPAs of {target}")
        found = [await self.owned(target, one) for one in aimed]
        self._seen[target.key] = found
        self._seen.move_to_end(target.key)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return found

    async def own(self, target: Target, name: str, uid: str = "") -> Autoscaler | None:
        """The one of this name (and UID, where one is given) that is aimed at the workload; None where none is. What
        `of` last returned is not asked for again where it is the very same object."""
        known = self._named(self._seen.get(target.key, []), name, uid) if uid else None
        return known or self._named(await self.of(target), name, uid)

    async def owned(self, target: Target, obj: Object) -> Autoscaler:
        """The workload's HPA with who else keeps it."""
        controller = await self._owners.controller(obj)
        scalers = (await self._owners.read(target.namespace)).scalers
        return self._pages.parse(
            lambda: objects.autoscaler(obj, bounds_owner_of(target, obj, scalers, controller)),
            f"HPA of {target}",
        )

    def _named(self, found: list[Autoscaler], name: str, uid: str) -> Autoscaler | None:
        return next((one for one in found if one.name == name and uid in ("", one.uid)), None)
