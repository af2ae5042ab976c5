"""One request to the apiserver: one try, one deadline, no redirect. Reads; the writes are in patches.py.

Connecting has its own, shorter deadline, so a total timeout can only fall after a request began to be sent.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aiohttp

from tools.cluster.answers import Answer, Question, read_error
from tools.cluster.kubeconfig import KubeconfigInvalid
from tools.errors import ClusterUnavailable

if TYPE_CHECKING:
    from tools.cluster.client import Login

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

DEADLINE_S = 10
"""One request, from connecting to the last byte; half of it for the connection alone, and for a read half of it
without a byte, so that an apiserver that hangs costs no more. A write waits: who stops sooner leaves more in doubt.
"""
NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
"""What is raised before the first byte of a request is written."""
NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError)
_AGENT = "flyball"


class Api:
    """A kube-apiserver over the official client's pool. Connections are reused; close it at the end."""

    def __init__(self, login: "Login", deadline_s: float = DEADLINE_S) -> None:
        self._login = login
        self._session = login.session()
        self._options = login.options() | {"allow_redirects": False}
        half = deadline_s / 2
        self._write = aiohttp.ClientTimeout(total=deadline_s, connect=half, ceil_threshold=60)
        self._read = aiohttp.ClientTimeout(total=deadline_s, connect=half, sock_read=half, ceil_threshold=60)
        self.server = login.server

    async def close(self) -> None:
        await self._session.close()

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json"
    ) -> dict[str, Any]:
        """The JSON object at `path`. Raises NotFound, NeverHappened (refused) or ClusterUnavailable."""
        question = self.question("GET", path)
        try:
            answer = await self.send(question, query or {}, {"Accept": accept})
        except NO_ANSWER as error:
            raise ClusterUnavailable(
                cause_of(error),
                where=question.where,
                hint=hint_of(error),
                code="Unavailable",
                quotes=quoting(error),
            ) from error
        if not answer.ok:
            raise read_error(answer)
        try:
            return answer.document()
        except ValueError as error:
            raise read_error(answer) from error

    def question(self, method: str, path: str) -> Question:
        """A request to this apiserver, as errors name it."""
        proxy = str(self._login.proxy or "")
        return Question(method, path, self.server, proxy, self._login.withheld)

    async def send(
        self,
        question: Question,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        """Raises what is in NEVER_SENT or NO_ANSWER, or KubeconfigInvalid where the credentials fail."""
        authorization = await self._login.authorization()
        lines = [*headers.items(), ("User-Agent", _AGENT), *self._login.impersonation]
        if authorization:
            lines.append(("Authorization", authorization))
        async with self._session.request(
            question.method,
            self.server + question.path,
            params=query,
            headers=lines,
            data=body,
            timeout=self._read if question.method == "GET" else self._write,
            **self._options,
        ) as response:
            return Answer(question, response.status, await response.read())


def cause_of(error: BaseException) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {DEADLINE_S // 2} s"
    if isinstance(error, aiohttp.SocketTimeoutError):
        return f"silent for {DEADLINE_S // 2} s"
    if isinstance(error, TimeoutError):
        return f"no answer within {DEADLINE_S} s"
    return str(error) or type(error).__name__


def quoting(error: BaseException) -> bool:
    """Whether the cause may hold words of whatever answered: not where nothing did."""
    return not isinstance(error, (*NEVER_SENT, TimeoutError, ConnectionError, KubeconfigInvalid))


def hint_of(error: BaseException) -> str:
    if isinstance(error, KubeconfigInvalid):
        return error.hint
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return "check that the proxy is up and its address is right"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return (
            "the server's certificate is not of the kubeconfig's certificate-authority, or not for this name"
        )
    if isinstance(error, aiohttp.ClientSSLError):
        return "check the server's port: what listens there does not speak TLS, or wants another certificate"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "check the server's name in the kubeconfig, and the network or VPN"
    return "check that the cluster is up and its server address in the kubeconfig is right"
