"""Who may own a workload's fields: the namespace's autoscalers, and what the cluster serves at all."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from audit.clock import Clock
from policies.types import Target
from tools.cluster.answer_cache import AnswerCache
from tools.cluster.controllers import ControllerNames
from tools.cluster.deployers import application_of, ignores_replicas
from tools.cluster.kinds import APPLICATIONS, AUTOSCALERS, RESIZERS, SCALERS, Object
from tools.cluster.names import is_object_name
from tools.cluster.owners import Above, new_pods_owner_of, ownership_of, resources_owner_of
from tools.cluster.pages import Pages
from tools.cluster_types import Ownership
from tools.errors import ClusterUnavailable, NeverHappened, NotFound

DISCOVERY_US = 60_000_000
"""How long it is remembered whether an optional API (KEDA, a VPA, pods/resize) is served, in microseconds."""
KEEPERS_US = 1_000_000

# From the apiserver's watch cache. A list "as of now" waits for the cache's next progress report, up to 100 ms
# each time, and who keeps a field does not change between two such reports.
CACHED = {"resourceVersion": "0"}


@dataclass(frozen=True, slots=True)
class FieldOwners:
    """ScaledObjects, HPAs and VPAs. `resizers` is None where VPAs are served and may not be listed."""

    scalers: list[Any] = field(default_factory=list)
    autoscalers: list[Any] = field(default_factory=list)
    resizers: list[Any] | None = field(default_factory=list)

    def of(self, target: Target, obj: Object, above: Above) -> Ownership:
        """Who keeps which part of the workload. A VPA that may exist is taken for one that does; scaling needs no
        right to look for it."""
        here = obj["metadata"]["namespace"]
        found = ownership_of(target, obj, _within(self.scalers, here), _within(self.autoscalers, here), above)
        if self.resizers is None:
            return replace(found, resources="verticalpodautoscaler/unknown")
        resizers = _within(self.resizers, here)
        template = found.template or new_pods_owner_of(target, resizers)
        return replace(found, resources=resources_owner_of(target, resizers), template=template)


class FieldOwnersReader:
    """Reads owners once for a pass over a namespace: one that came within the last second may be missed. A
    reader that may not list scalers may not judge: the 403 goes up."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages, self._clock = pages, clock
        self._served = AnswerCache[bool](clock, DISCOVERY_US)
        self._kept: dict[str | None, tuple[int, FieldOwners]] = {}
        self._controllers = ControllerNames(pages, clock)
        self._applications = AnswerCache[Object](clock, KEEPERS_US)

    def kept(self, namespace: str | None) -> FieldOwners | None:
        """What `read` would give without asking the cluster."""
        until, owners = self._kept.get(namespace, (0, FieldOwners()))
        return owners if self._clock.mono_us() < until else None

    async def read(self, namespace: str | None) -> FieldOwners:
        now, owners = self._clock.mono_us(), self.kept(namespace)
        if owners is None:
            scalers, autoscalers, resizers = await asyncio.gather(
                self._scalers(namespace),
                self._pages.list(AUTOSCALERS, namespace, CACHED),
                self._resizers(namespace),
            )
            owners = FieldOwners(scalers, autoscalers, resizers)
            self._kept[namespace] = (now + KEEPERS_US, owners)
        return owners

    async def controller(self, obj: Object) -> str | None:
        """The controller of an object's ownerReferences by its name, as the apiserver confirms it; or None."""
        return await self._controllers.of(obj, named=True)

    async def above(self, target: Target, obj: Object, *, named: bool = True) -> Above:
        """What stands above one object. Its controller's name is asked for where it is `named`."""
        controller = await self._controllers.of(obj, named=named)
        app = None if controller else application_of(target, obj["metadata"])
        if app is None:
            return Above(controller)
        application = await self._application(*app)
        return Above(None, self._pages.parse(lambda: ignores_replicas(target, application), "Application"))

    async def _application(self, namespace: str, name: str) -> Object:
        """As it was at most a second ago; empty where it is not there or may not be read: it then ignores nothing."""
        if not (is_object_name(namespace) and is_object_name(name)):
            return {}
        if not await self._serves(APPLICATIONS.group):
            return {}
        path = f"{APPLICATIONS.collection(namespace)}/{name}"

        async def ask() -> Object:
            try:
                return await self._pages.get(path)
            except (NotFound, NeverHappened, ClusterUnavailable):
                return {}

        return await self._applications.get(path, ask)

    async def resizable(self) -> bool:
        """Whether `pods/resize` is served, by discovery of the core group."""
        return await self._served.get("pods/resize", self._discover_resize)

    async def _scalers(self, namespace: str | None) -> list[Any]:
        if not await self._serves(SCALERS.group):
            return []
        return await self._pages.list(SCALERS, namespace, CACHED)

    async def _resizers(self, namespace: str | None) -> list[Any] | None:
        if not await self._serves(RESIZERS.group):
            return []
        try:
            return await self._pages.list(RESIZERS, namespace, CACHED)
        except NotFound:  # the group holds other kinds only (Google's MultidimPodAutoscaler lives there too)
            return []
        except NeverHappened as refused:
            if refused.http != 403:
                raise
            return None

    async def _serves(self, group: str) -> bool:
        """Whether the API group is there, by discovery: for an unknown group RBAC would say 403, not 404."""

        async def discover() -> bool:
            try:
                await self._pages.get(f"/apis/{group}")
            except (NotFound, ClusterUnavailable) as error:
                if error.http != 404:
                    raise
                return False
            return True

        return await self._served.get(group, discover)

    async def _discover_resize(self) -> bool:
        served = await self._pages.get("/api/v1")
        return self._pages.parse(
            lambda: any(one["name"] == "pods/resize" for one in served["resources"]), "/api/v1"
        )


def _within(objects: list[Any], namespace: str) -> list[Any]:
    return [one for one in objects if one["metadata"]["namespace"] == namespace]
