"""One question to Prometheus' HTTP API over httpx2: one try, its time and size capped, no redirect.

Certificates and netrc from the environment are not used: where metrics come from is configuration. A proxy is what
base/proxies.py says; it too is told the address that was looked at, and looks up no name itself.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import httpx2
import orjson

from base.proxies import Proxy
from tools.errors import MetricsUnavailable
from tools.metrics.prometheus.access import Access
from tools.metrics.prometheus.address import resolve
from tools.metrics.prometheus.failures import failed, strange

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Caps:
    """Seconds to connect, of silence, and in all; bytes of an answer."""

    connect_s: float = 5.0
    silent_s: float = 15.0
    total_s: float = 30.0
    size: int = 8 * 1024 * 1024


class Client:
    """Connections to one Prometheus, over `tls` where its address is https. Close it at the end."""

    def __init__(self, access: Access, tls: SSLContext | None, proxy: Proxy | None, caps: Caps) -> None:
        self._access, self._proxy, self._caps = access, proxy, caps
        self._http = httpx2.AsyncClient(
            verify=tls or access.address.scheme == "https",
            trust_env=False,
            proxy=proxy.url if proxy else None,
            follow_redirects=False,
            timeout=httpx2.Timeout(caps.silent_s, connect=caps.connect_s),
            limits=httpx2.Limits(max_connections=4, max_keepalive_connections=4),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, path: str, form: Mapping[str, str], subject: str) -> dict[str, Any]:
        """The JSON object that `path` answers to a POST. `subject` is what an error names.

        Raises MetricsUnavailable.
        """
        token = self._access.bearer()
        through = f" through the proxy {self._proxy}" if self._proxy else ""
        where = f"{self._access.address}{path} ({subject}){through}"
        try:
            async with asyncio.timeout(self._caps.total_s):
                return await self._asked(path, {**form, "timeout": self._patience}, token, where)
        except MetricsUnavailable as error:
            raise _without(error, token) from (None if token else error.__cause__)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise _without(self._unanswered(error, where), token) from (None if token else error)

    @property
    def _patience(self) -> str:
        """How long Prometheus itself shall go on: no longer than we wait."""
        return f"{max(int(self._caps.silent_s), 1)}s"

    async def _asked(self, path: str, form: Mapping[str, str], token: str, where: str) -> dict[str, Any]:
        ips = await resolve(self._access.address)
        for ip in ips[:-1]:
            try:
                return await self._sent(ip, path, form, token, where)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # the next of the host's addresses
        return await self._sent(ips[-1], path, form, token, where)

    async def _sent(
        self, ip: str, path: str, form: Mapping[str, str], token: str, where: str
    ) -> dict[str, Any]:
        address = self._access.address
        host = f"[{ip}]" if ":" in ip else ip
        async with self._http.stream(
            "POST",
            f"{address.scheme}://{host}:{address.port}{address.base}{path}",
            data=dict(form),
            headers=self._headers(token),
            extensions={"sni_hostname": address.host},
        ) as response:
            body = await self._read(response, where)
        return _document(response, body, where)

    def _headers(self, token: str) -> dict[str, str]:
        tenant = self._access.tenant
        return {
            "Host": self._access.address.netloc,
            "Accept": _JSON,
            "Accept-Encoding": "identity",
            "User-Agent": "flyball",
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **({"X-Scope-OrgID": tenant} if tenant else {}),
        }

    async def _read(self, response: httpx2.Response, where: str) -> bytes:
        """The body, up to the cap: what is larger is refused before it is read. Compressed ones were not asked
        for, and would let a small answer become a huge one."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise strange("the answer is compressed, which was not asked for", where)
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._caps.size:
            raise self._too_large(where)
        body = bytearray()
        async for part in _parts(response):
            body += part
            if len(body) > self._caps.size:
                raise self._too_large(where)
        return bytes(body)

    def _too_large(self, where: str) -> MetricsUnavailable:
        return MetricsUnavailable(
            f"the answer is larger than {self._caps.size} bytes",
            where=where,
            hint="ask for fewer points; and see that prometheus_url is a Prometheus",
            code="TooLarge",
        )

    def _unanswered(self, error: BaseException, where: str) -> MetricsUnavailable:
        hint = "check that Prometheus is up and prometheus_url is right"
        if isinstance(error, httpx2.ConnectTimeout):
            what = f"no connection within {self._caps.connect_s:g} s"
        elif isinstance(error, httpx2.TimeoutException):
            what = f"silent for {self._caps.silent_s:g} s"
        elif isinstance(error, TimeoutError):
            what = f"no whole answer within {self._caps.total_s:g} s"
        elif "CERTIFICATE" in str(error).upper():
            what = f"its certificate is not accepted: {error}"
            hint = "set prometheus_ca to the CA that signed it, and use the host that it names"
        else:
            what = str(error) or type(error).__name__
        quotes = not isinstance(error, (TimeoutError, httpx2.TimeoutException, httpx2.ConnectError))
        return MetricsUnavailable(what, where=where, hint=hint, code="Unavailable", quotes=quotes)


async def _parts(response: httpx2.Response) -> AsyncIterator[bytes]:
    async for part in response.aiter_raw(64 * 1024):
        yield part


def _document(response: httpx2.Response, body: bytes, where: str) -> dict[str, Any]:
    """A successful answer's object. Raises MetricsUnavailable for everything else."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    loaded: object = None
    if kind == _JSON:
        try:
            loaded = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            if response.status_code == 200:
                raise strange("the answer is not JSON, or breaks off", where) from error
    document = loaded if isinstance(loaded, dict) else None
    if response.status_code != 200 or document is None or document.get("status") != "success":
        raise failed(response.status_code, response.headers.get("location", ""), document, body, where)
    return document


def _without(error: MetricsUnavailable, token: str) -> MetricsUnavailable:
    """The error without our token, should whatever answered have repeated it."""
    if not token or token not in f"{error.what}{error.where}{error.hint}":
        return error
    what, where, hint = (text.replace(token, "[redacted]") for text in (error.what, error.where, error.hint))
    return error.recast(MetricsUnavailable, what=what, where=where, hint=hint)
