"""KubernetesCluster: the reading ports (ClusterReader, UsageReader) on a kube-apiserver."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

from audit.clock import Clock
from policies.types import Target
from tools.cluster import objects, restraints
from tools.cluster.api import METADATA_ONLY, Api
from tools.cluster.autoscalers import Autoscalers
from tools.cluster.events import events_of
from tools.cluster.field_owners import CACHED, FieldOwners, FieldOwnersReader
from tools.cluster.kinds import (
    BUDGETS,
    LOOKED_AT,
    NAMESPACES,
    POD_METRICS,
    PODS,
    QUOTAS,
    Kind,
    Object,
    path_of,
)
from tools.cluster.owners import Above, aimed_at, aims
from tools.cluster.pages import Pages
from tools.cluster.root_owners import RootOwners
from tools.cluster_types import (
    LISTED,
    ApiEvent,
    Autoscaler,
    ClusterIdentity,
    Ownership,
    Pod,
    PodUsage,
    Restraints,
    Workload,
)
from tools.errors import ClusterUnavailable, NeverHappened, NotFound

_KEPT = 256
T = TypeVar("T")


class KubernetesCluster:
    """Reads of one cluster, under the name that policy knows it by. Close it at the end."""

    def __init__(self, api: Api, name: str, clock: Clock) -> None:
        self.api, self.name = api, name
        self._identity: ClusterIdentity | None = None
        self._pages = Pages(api.get, api.server)
        self._owners = FieldOwnersReader(self._pages, clock)
        self._seen: OrderedDict[str, Workload] = OrderedDict()
        self._own: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._roots = RootOwners(self._pages, clock)
        self.hpas = Autoscalers(self._pages, self._owners)

    async def close(self) -> None:
        await self.api.close()

    async def identity(self) -> ClusterIdentity:
        """Asked once a connection: its TLS trust holds on to the same cluster."""
        if self._identity is None:
            path = f"{NAMESPACES.collection(None)}/kube-system"
            obj = await self.api.get(path, accept=METADATA_ONLY)
            uid = self._pages.parse(lambda: str(obj["metadata"]["uid"]), path)
            self._identity = ClusterIdentity(self.name, uid, self.api.server)
        return self._identity

    async def read(self, target: Target) -> Workload:
        """The workload and who keeps its replicas and resources."""
        path = self._path(target)
        owners = self._owners.kept(target.namespace)
        if owners is None:
            obj, owners = await asyncio.gather(self.api.get(path), self._owners.read(target.namespace))
        else:  # nothing else to ask: no task for it
            obj = await self.api.get(path)
        above = await self._owners.above(target, obj)
        seen = self._pages.parse(lambda: self._workload(target.kind, obj, owners, above), path)
        _keep(self._seen, target.key, seen)
        return seen

    async def namespaces(self) -> list[str]:
        """In the API's order."""
        items = await self._pages.list(NAMESPACES, None, {})
        return self._pages.parse(lambda: [str(one["metadata"]["name"]) for one in items], "namespaces")

    async def list_workloads(
        self, namespace: str | None, selector: str = "", kinds: Sequence[str] = LISTED
    ) -> list[Workload]:
        """Each kind in turn, in the API's order. Raises KeyError for a kind that is not LOOKED_AT."""
        query = {"labelSelector": selector} if selector else {}
        lists = [self._pages.list(LOOKED_AT[kind], namespace, query) for kind in kinds]
        owners, items = await asyncio.gather(self._owners.read(namespace), asyncio.gather(*lists))
        found = [(kind, obj) for kind, each in zip(kinds, items, strict=True) for obj in each]
        what = f"{'s, '.join(kinds)}s of {namespace or 'all namespaces'}"
        targets = self._pages.parse(lambda: [self._target(kind, obj) for kind, obj in found], what)
        above = await asyncio.gather(
            *(self._owners.above(one, obj, named=False) for one, (_, obj) in zip(targets, found, strict=True))
        )
        return self._pages.parse(
            lambda: [self._workload(*one, owners, a) for one, a in zip(found, above, strict=True)], what
        )

    async def root_owner(self, target: Target) -> Target:
        """Kept for a minute (RootOwners)."""
        self._path(target)
        return await self._roots.of(target)

    async def pods(self, target: Target) -> list[Pod]:
        path = self._path(target)
        query = {"labelSelector": await self._selector(path)}
        items = await self._pages.list(PODS, target.namespace, query)
        found = self._pages.parse(
            lambda: [objects.pod(obj) for obj in items if objects.belongs(target, obj)], f"pods of {path}"
        )
        _keep(self._own, target.key, {pod.name: pod.uid for pod in found})
        return found

    async def pods_of(self, targets: Sequence[Target]) -> dict[str, list[Pod]]:
        for target in targets:
            self._path(target)
        namespaces = dict.fromkeys(target.namespace for target in targets)
        lists = await asyncio.gather(*(self._pages.list(PODS, namespace, {}) for namespace in namespaces))
        items = dict(zip(namespaces, lists, strict=True))
        what = f"pods of {len(targets)} workloads"
        owned = {name: self._pages.parse(lambda: _owned(each), what) for name, each in items.items()}  # noqa: B023
        return self._pages.parse(
            lambda: {
                one.key: [objects.pod(obj) for obj in owned[one.namespace].get((one.kind, one.name), ())]
                for one in targets
            },
            what,
        )

    async def own_pod(self, target: Target, name: str) -> Pod:
        """One pod by name. Raises NotFound where it is none of the workload's own."""
        path = path_of(_pod_target(target, name))
        obj = await self.api.get(path)
        if not self._pages.parse(lambda: objects.belongs(target, obj), path):
            raise NotFound(
                f"pod `{name}` does not belong to this workload",
                where=str(target),
                hint="kubectl get pods --show-labels",
                http=404,
                quotes=False,
            )
        return self.parse_pod(obj)

    async def events(self, target: Target) -> list[ApiEvent]:
        """From core `v1` with field selectors; what is older than the apiserver keeps (an hour) is gone."""
        owners, pods = await asyncio.gather(self._owners.read(target.namespace), self.pods(target))
        hpa = self._pages.parse(lambda: aimed_at(target, owners.autoscalers), f"HPA of {target}")
        name = hpa["metadata"]["name"] if hpa else None
        return await events_of(self._pages, target, name, [pod.name for pod in pods])

    async def autoscaler(self, target: Target) -> Autoscaler | None:
        """As it was at most a second ago."""
        owners = await self._owners.read(target.namespace)
        what = f"HPA of {target}"
        hpa = self._pages.parse(lambda: aimed_at(target, owners.autoscalers), what)
        return await self.hpas.owned(target, hpa) if hpa else None

    async def autoscalers(self, target: Target) -> list[Autoscaler]:
        """As they are now."""
        self._path(target)
        return await self.hpas.of(target)

    async def autoscalers_of(self, targets: Sequence[Target]) -> dict[str, Autoscaler]:
        found: dict[str, Autoscaler] = {}
        for namespace in dict.fromkeys(target.namespace for target in targets):
            owners = await self._owners.read(namespace)
            named = self._pages.parse(lambda: aims(owners.autoscalers), "HPAs")  # noqa: B023
            for target in targets:
                hpas = named.get(target.name, ()) if target.namespace == namespace else ()
                hpa = self._pages.parse(lambda: aimed_at(target, hpas), f"HPA of {target}")  # noqa: B023
                if hpa:
                    found[target.key] = await self.hpas.owned(target, hpa)
        return found

    async def restraints_of(self, workloads: Sequence[Workload]) -> dict[str, Restraints]:
        found: dict[str, Restraints] = {}
        for namespace in dict.fromkeys(workload.target.namespace for workload in workloads):
            here = [w for w in workloads if w.target.namespace == namespace]
            budgets, quotas = await asyncio.gather(
                self._listable(BUDGETS, namespace), self._listable(QUOTAS, namespace)
            )
            what = f"restraints of {namespace}"
            found |= self._pages.parse(lambda: restraints.of_each(here, budgets, quotas), what)  # noqa: B023
        return found

    async def _listable(self, kind: Kind, namespace: str | None) -> list[Object] | None:
        """All of the namespace; None where the kubeconfig's user may not list them."""
        try:
            return [*await self._pages.list(kind, namespace, CACHED)]
        except NeverHappened as refused:
            if refused.http != 403:
                raise
            return None

    async def resizable(self) -> bool:
        """Whether the cluster serves `pods/resize`; remembered for a minute."""
        return await self._owners.resizable()

    async def usage(self, target: Target) -> list[PodUsage]:
        """Samples of the pods that the workload's selector finds, as an HPA takes them."""
        path = self._path(target)
        query = {"labelSelector": await self._selector(path)}
        try:
            items = await self._pages.list(POD_METRICS, target.namespace, query)
        except (NotFound, ClusterUnavailable) as error:
            what = f"metrics.k8s.io gave no usage: {error.what}"
            hint = "install or repair metrics-server; check: kubectl top pods"
            raise error.recast(ClusterUnavailable, what=what, hint=hint) from error
        return self._pages.parse(lambda: [objects.pod_usage(obj) for obj in items], f"usage of {path}")

    def recall(self, target: Target, uid: str, resource_version: str) -> Workload | None:
        """What `read` last returned for the target, if it was exactly that version of that object."""
        seen = self._seen.get(target.key)
        if seen is not None and (seen.uid, seen.resource_version) == (uid, resource_version):
            return seen
        return None

    def owns(self, target: Target, pod: str, uid: str) -> bool:
        """Whether `pods` last returned this very pod as one of the target's own."""
        return bool(uid) and self._own.get(target.key, {}).get(pod) == uid

    def parse(self, target: Target, obj: Object, ownership: Ownership) -> Workload:
        """An object that a write returned. Raises ClusterUnavailable where it is not what the API documents."""
        return self._pages.parse(
            lambda: objects.workload(self.name, target.kind, obj, ownership), path_of(target)
        )

    def parse_autoscaler(self, obj: Object, owner: str | None) -> Autoscaler:
        """An HPA that a write returned. Raises ClusterUnavailable where it is not what the API documents."""
        return self._pages.parse(lambda: objects.autoscaler(obj, owner), "HPA")

    def parse_pod(self, obj: Object) -> Pod:
        """A pod that a write returned. Raises ClusterUnavailable where it is not what the API documents."""
        return self._pages.parse(lambda: objects.pod(obj), "pod")

    def _workload(self, kind: str, obj: Object, owners: FieldOwners, above: Above) -> Workload:
        return objects.workload(self.name, kind, obj, owners.of(self._target(kind, obj), obj, above))

    def _target(self, kind: str, obj: Object) -> Target:
        meta = obj["metadata"]
        return Target(cluster=self.name, namespace=meta["namespace"], kind=kind, name=meta["name"])

    async def _selector(self, path: str) -> str:
        obj = await self.api.get(path)
        return self._pages.parse(lambda: objects.selector_text(obj["spec"]["selector"]), path)

    def _path(self, target: Target) -> str:
        if target.kind not in LOOKED_AT or not target.namespace:
            known = ", ".join(LOOKED_AT)
            raise NotFound(f"no workload of kind `{target.kind}`", where=str(target), hint=f"kinds: {known}")
        return path_of(target)


def _keep(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)


def _pod_target(target: Target, name: str) -> Target:
    """Raises NotFound for what can be no pod's name: it goes into a path."""
    try:
        return Target(cluster=target.cluster, namespace=target.namespace, kind="pod", name=name)
    except ValueError:
        raise NotFound(f"`{name[:80]}` is not a pod's name", where=str(target)) from None


def _owned(items: Sequence[Object]) -> dict[tuple[str, str], list[Object]]:
    """Pods by kind and name of their workload."""
    found: dict[tuple[str, str], list[Object]] = {}
    for obj in items:
        if (owner := objects.workload_of(obj)) is not None:
            found.setdefault(owner, []).append(obj)
    return found
