"""The controller of a workload by its ownerReferences: an operator's object, a Knative revision, a custom resource.

A reference is anybody's text: kind and name are told only as the apiserver confirms them, the kind by discovery, the
name by an object of that name and UID. What is not confirmed is `unknown`, and still an owner.
"""

import re

from audit.clock import Clock
from tools.cluster.answer_cache import AnswerCache
from tools.cluster.api import METADATA_ONLY
from tools.cluster.kinds import Object
from tools.cluster.names import is_object_name
from tools.cluster.objects import controller_of
from tools.cluster.pages import Pages
from tools.errors import ClusterUnavailable, NeverHappened, NotFound

KNOWN_US = 60_000_000
"""How long the kinds of an API group are remembered, in microseconds."""
UNKNOWN = "unknown"
_VERSION = re.compile(r"(?:[a-z0-9][-.a-z0-9]{0,252}/)?v[a-z0-9]{1,30}")
_UNCONFIRMED = (NotFound, NeverHappened, ClusterUnavailable)


class ControllerNames:
    """Confirms controllers at the apiserver."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._kinds = AnswerCache[dict[str, Object]](clock, KNOWN_US)

    async def of(self, obj: Object, *, named: bool) -> str | None:
        """`kind/name`, or `kind` alone (not `named`, or no such object), or `unknown`; None where there is none."""
        reference = controller_of(obj["metadata"])
        if reference is None:
            return None
        version, kind = str(reference.get("apiVersion")), str(reference.get("kind"))
        resource = (await self._kinds.get(version, lambda: self._discovered(version))).get(kind)
        if resource is None:
            return UNKNOWN
        name = str(reference.get("name"))
        if named and is_object_name(name):
            space = f"namespaces/{obj['metadata']['namespace']}/" if resource.get("namespaced") else ""
            path = f"{_base(version)}/{space}{resource['name']}/{name}"
            uid = await self._uid(path)
            if uid is not None and uid == reference.get("uid"):
                return f"{kind.lower()}/{name}"
        return kind.lower()

    async def _discovered(self, version: str) -> dict[str, Object]:
        """The resources of an API version by their kind; none where it is not served, or cannot be asked."""
        if not _VERSION.fullmatch(version):
            return {}
        try:
            served = await self._pages.get(_base(version))
        except _UNCONFIRMED:
            return {}
        resources = served.get("resources") or ()
        return self._pages.parse(lambda: {o["kind"]: o for o in resources if "/" not in o["name"]}, version)

    async def _uid(self, path: str) -> str | None:
        try:
            found = await self._pages.get(path, accept=METADATA_ONLY)
        except _UNCONFIRMED:
            return None
        return self._pages.parse(lambda: str(found["metadata"]["uid"]), path)


def _base(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
