"""Lists, page by page, and answers that must be what the API documents."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tools.cluster.kinds import Kind
from tools.errors import ClusterUnavailable

PAGE = 500
"""Objects a page of a list, as kubectl asks for."""
_UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, IndexError)
T = TypeVar("T")
Items = list[Any]


Get = Callable[..., Awaitable[dict[str, Any]]]
"""`Api.get`: what holds it can read, and cannot write."""


class Pages:
    """Lists over one connection, of which it has the reading half."""

    def __init__(self, get: Get, server: str) -> None:
        self.get, self._server = get, server

    async def some(
        self, kind: Kind, namespace: str | None, query: dict[str, str], most: int | None = None
    ) -> tuple[Items, bool]:
        """The first `most` pages, and whether there are more. Raises what `Api.get` raises."""
        path, found, asked, read = kind.collection(namespace), [], query | {"limit": str(PAGE)}, 0
        while True:
            page = await self.get(path, asked)
            found += self.parse(lambda: list(page["items"]), path)  # noqa: B023
            more, read = (page.get("metadata") or {}).get("continue"), read + 1
            if not more or read == most:
                return found, bool(more)
            asked = asked | {"continue": more}

    async def list(self, kind: Kind, namespace: str | None, query: dict[str, str]) -> Items:
        """All objects. Raises what `Api.get` raises."""
        return (await self.some(kind, namespace, query))[0]

    def parse(self, build: Callable[[], T], what: str) -> T:
        """What `build` makes of an answer. Raises ClusterUnavailable where that is not what the API documents."""
        try:
            return build()
        except _UNREADABLE as error:
            raise ClusterUnavailable(
                f"the answer is not as the Kubernetes API documents it: {error!r}",
                where=f"{self._server} {what}",
                hint="check that the kubeconfig's server is a kube-apiserver of a supported version",
                code="Unreadable",
                quotes=True,
            ) from error
