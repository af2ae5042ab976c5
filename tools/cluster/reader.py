"""KubernetesCluster: the reading ports (ClusterReader, UsageReader) on a kube-apiserver."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from audit.clock import Clock
from policies.types import Target
from tools.cluster import objects
from tools.cluster.api import METADATA_ONLY, Api
from tools.cluster.kinds import (
    AUTOSCALERS,
    CONTROLLERS,
    NAMESPACES,
    POD_METRICS,
    PODS,
    SCALERS,
    WORKLOADS,
    Kind,
    path_of,
)
from tools.cluster.owners import owner_of
from tools.errors import ClusterAway, NeverHappened, NotFound
from tools.ports import ClusterIdentity, Pod, PodUsage, Workload

PAGE = 500
"""Objects a page of a list, as kubectl asks for."""
DISCOVERY_US = 60_000_000
"""How long it is remembered whether an optional API (KEDA) is served, in microseconds."""
_KEPT = 256
_MAX_OWNERS = 8
_UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, IndexError)
T = TypeVar("T")

ROOT_US = 60_000_000
KEEPERS_US = 1_000_000
Keepers = tuple[list[Any], list[Any]]

# From the apiserver's watch cache. A list "as of now" waits for the cache's next progress report, up to 100 ms
# each time, and who keeps a field does not change between two such reports.
CACHED = {"resourceVersion": "0"}


class KubernetesCluster:
    """Reads of one cluster, under the name that policy knows it by. Close it at the end."""

    def __init__(self, api: Api, name: str, clock: Clock) -> None:
        self.api, self.name, self._clock = api, name, clock
        self._identity: ClusterIdentity | None = None
        self._served: dict[str, tuple[int, bool]] = {}
        self._seen: OrderedDict[str, Workload] = OrderedDict()
        self._roots: dict[str, tuple[int, Target]] = {}
        self._kept: dict[str | None, tuple[int, Keepers]] = {}

    async def close(self) -> None:
        await self.api.close()

    async def identity(self) -> ClusterIdentity:
        """Asked once a connection: its TLS trust holds on to the same cluster."""
        if self._identity is None:
            path = f"{NAMESPACES.collection(None)}/kube-system"
            obj = await self.api.get(path, accept=METADATA_ONLY)
            uid = self._parse(lambda: str(obj["metadata"]["uid"]), path)
            self._identity = ClusterIdentity(self.name, uid, self.api.server)
        return self._identity

    async def read(self, target: Target) -> Workload:
        """The workload and who keeps its replicas."""
        path = self._path(target)
        obj, (scalers, autoscalers) = await asyncio.gather(
            self.api.get(path), self._keepers(target.namespace)
        )
        seen = self._parse(lambda: self._workload(target.kind, obj, scalers, autoscalers), path)
        self._keep(seen)
        return seen

    async def list_workloads(self, namespace: str | None, selector: str = "") -> list[Workload]:
        """Deployments, then StatefulSets, each in the API's order."""
        query = {"labelSelector": selector} if selector else {}
        keepers, *lists = await asyncio.gather(
            self._keepers(namespace), *(self._list(kind, namespace, query) for kind in WORKLOADS.values())
        )
        found = list(zip(WORKLOADS, lists, strict=True))
        return self._parse(
            lambda: [self._workload(kind, obj, *keepers) for kind, items in found for obj in items],
            f"workloads of {namespace or 'all namespaces'}",
        )

    async def root_owner(self, target: Target) -> Target:
        """Kept for a minute, since owners hardly ever change, and a lease on an old root only lets two
        processes work side by side: what keeps them apart are the claims and the resourceVersion."""
        now = self._clock.mono_us()
        until, root = self._roots.get(target.key, (0, target))
        if now >= until:
            root = await self._climbed(target)
            self._roots[target.key] = (now + ROOT_US, root)
        return root

    async def _climbed(self, target: Target) -> Target:
        """Follows `controller: true`. Ends at an owner of a kind that is named only (a custom resource), and
        below one that is gone or may not be read."""
        path, here = self._path(target), target
        for _ in range(_MAX_OWNERS):
            try:
                obj = await self.api.get(path, accept=METADATA_ONLY)
            except (NotFound, NeverHappened):
                if here == target:
                    raise
                return here
            above = self._parse(lambda: objects.controller_of(obj["metadata"]), path)  # noqa: B023
            if above is None:
                return here
            here = Target(
                cluster=target.cluster,
                namespace=target.namespace,
                kind=above["kind"].lower(),
                name=above["name"],
            )
            if not _is_known(above):
                return here
            path = path_of(here)
        return here

    async def pods(self, target: Target) -> list[Pod]:
        path = self._path(target)
        query = {"labelSelector": await self._selector(path)}
        items = await self._list(PODS, target.namespace, query)
        return self._parse(
            lambda: [objects.pod(obj) for obj in items if objects.belongs(target, obj)], f"pods of {path}"
        )

    async def usage(self, target: Target) -> list[PodUsage]:
        """Samples of the pods that the workload's selector finds, as an HPA takes them."""
        path = self._path(target)
        query = {"labelSelector": await self._selector(path)}
        try:
            items = await self._list(POD_METRICS, target.namespace, query)
        except (NotFound, ClusterAway) as error:
            raise ClusterAway(
                f"metrics.k8s.io gave no usage: {error.what}",
                where=error.where,
                mend="install or mend metrics-server; check: kubectl top pods",
                code=error.code,
                http=error.http,
            ) from error
        return self._parse(lambda: [objects.pod_usage(obj) for obj in items], f"usage of {path}")

    def recall(self, target: Target, uid: str, resource_version: str) -> Workload | None:
        """What `read` last returned for the target, if it was exactly that version of that object."""
        seen = self._seen.get(target.key)
        if seen is not None and (seen.uid, seen.resource_version) == (uid, resource_version):
            return seen
        return None

    def parse(self, target: Target, obj: objects.Object, owner: str | None) -> Workload:
        """An object that a write returned. Raises ClusterAway where it is not what the API documents."""
        return self._parse(lambda: objects.workload(self.name, target.kind, obj, owner), path_of(target))

    def _keep(self, seen: Workload) -> None:
        self._seen[seen.target.key] = seen
        self._seen.move_to_end(seen.target.key)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)

    def _workload(
        self, kind: str, obj: objects.Object, scalers: Iterable[Any], autoscalers: Iterable[Any]
    ) -> Workload:
        meta = obj["metadata"]
        target = Target(cluster=self.name, namespace=meta["namespace"], kind=kind, name=meta["name"])
        here = meta["namespace"]
        scalers = [one for one in scalers if one["metadata"]["namespace"] == here]
        autoscalers = [one for one in autoscalers if one["metadata"]["namespace"] == here]
        return objects.workload(self.name, kind, obj, owner_of(target, obj, scalers, autoscalers))

    async def _keepers(self, namespace: str | None) -> Keepers:
        """ScaledObjects and HPAs, read once for a pass over a namespace: one that came within the last second
        may be missed. A reader that may not list them may not judge: the 403 goes up."""
        now = self._clock.mono_us()
        until, keepers = self._kept.get(namespace, (0, ([], [])))
        if now >= until:
            keepers = await self._listed_keepers(namespace)
            self._kept[namespace] = (now + KEEPERS_US, keepers)
        return keepers

    async def _listed_keepers(self, namespace: str | None) -> Keepers:
        if not await self._serves(SCALERS.group):
            return [], await self._list(AUTOSCALERS, namespace, CACHED)
        scalers, autoscalers = await asyncio.gather(
            self._list(SCALERS, namespace, CACHED), self._list(AUTOSCALERS, namespace, CACHED)
        )
        return scalers, autoscalers

    async def _serves(self, group: str) -> bool:
        """Whether the API group is there, by discovery: for an unknown group RBAC would say 403, not 404."""
        until, served = self._served.get(group, (0, False))
        if self._clock.mono_us() < until:
            return served
        try:
            await self.api.get(f"/apis/{group}")
        except (NotFound, ClusterAway) as error:
            if error.http != 404:
                raise
            served = False
        else:
            served = True
        self._served[group] = (self._clock.mono_us() + DISCOVERY_US, served)
        return served

    async def _list(self, kind: Kind, namespace: str | None, query: dict[str, str]) -> list[Any]:
        path, found, asked = kind.collection(namespace), [], query | {"limit": str(PAGE)}
        while True:
            page = await self.api.get(path, asked)
            found += self._parse(lambda: list(page["items"]), path)  # noqa: B023
            more = (page.get("metadata") or {}).get("continue")
            if not more:
                return found
            asked = asked | {"continue": more}

    async def _selector(self, path: str) -> str:
        obj = await self.api.get(path)
        return self._parse(lambda: objects.selector_text(obj["spec"]["selector"]), path)

    def _path(self, target: Target) -> str:
        if target.kind not in WORKLOADS or not target.namespace:
            known = ", ".join(WORKLOADS)
            raise NotFound(f"no workload of kind `{target.kind}`", where=str(target), mend=f"kinds: {known}")
        return path_of(target)

    def _parse(self, build: Callable[[], T], what: str) -> T:
        try:
            return build()
        except _UNREADABLE as error:
            raise ClusterAway(
                f"the answer is not as the Kubernetes API documents it: {error!r}",
                where=f"{self.api.server} {what}",
                mend="check that the kubeconfig's server is a kube-apiserver of a supported version",
                code="Unreadable",
            ) from error


def _is_known(reference: objects.Object) -> bool:
    kind = CONTROLLERS.get(reference["kind"].lower())
    return kind is not None and reference.get("apiVersion", "").rpartition("/")[0] == kind.group
