"""One message to one receiver over httpx2: one try, its time capped, no redirect, its answer hardly read.

The address is looked at and then connected to by its IP; netrc and certificates of the environment are not used, and
proxies are those of base/proxies.py.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import httpx2

from base.proxies import Proxy, ProxyInvalid, proxy_for
from base.text import harmless
from flyball.notify.address import Unreachable, resolve
from flyball.notify.receivers import Receiver

_AGAIN = frozenset({408, 425, 429})
"""Statuses below 500 that mean `later`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try ended. `sent`: a 2xx; `refused`: another 4xx, so that the same message will be refused again;
    `failed`: anything else, which may change by itself. `why` is harmless, and names no path of the address."""

    end: Literal["sent", "refused", "failed"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Caps:
    """Seconds to connect, of silence, and in all."""

    connect_s: float = 5.0
    silent_s: float = 5.0
    total_s: float = 10.0


async def post(
    receiver: Receiver, body: bytes, headers: Mapping[str, str], caps: Caps | None = None
) -> Answer:
    """Send it, once. Raises nothing: whatever goes wrong is the Answer."""
    limits = caps or Caps()
    try:
        async with asyncio.timeout(limits.total_s):
            status = await _posted(receiver, body, headers, limits)
    except TimeoutError:
        return Answer("failed", f"no answer within {limits.total_s:g} s")
    except (Unreachable, ProxyInvalid, httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as e:
        return Answer("failed", harmless(_without(str(e), receiver) or type(e).__name__, 200))
    return _meant(status)


def _meant(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer("sent")
    if 300 <= status < 400:
        return Answer("failed", f"HTTP {status}: a redirect, which is not followed: name the receiver itself")
    if 400 <= status < 500 and status not in _AGAIN:
        return Answer("refused", f"HTTP {status}")
    return Answer("failed", f"HTTP {status}")


def _without(text: str, receiver: Receiver) -> str:
    return text.replace(receiver.address.path, "/…") if len(receiver.address.path) > 1 else text


async def _posted(receiver: Receiver, body: bytes, headers: Mapping[str, str], caps: Caps) -> int:
    address = receiver.address
    proxy = proxy_for(f"{address.scheme}://{address.netloc}/")
    ips = await resolve(address)
    async with _client(receiver, proxy, caps) as client:
        for ip in ips[:-1]:
            try:
                return await _sent(client, receiver, ip, body, headers)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue  # the next of the host's addresses
        return await _sent(client, receiver, ips[-1], body, headers)


async def _sent(
    client: httpx2.AsyncClient, receiver: Receiver, ip: str, body: bytes, headers: Mapping[str, str]
) -> int:
    """The status; of the answer's body nothing is read."""
    address = receiver.address
    host = f"[{ip}]" if ":" in ip else ip
    async with client.stream(
        "POST",
        f"{address.scheme}://{host}:{address.port}{address.path}",
        content=body,
        headers={"Host": address.netloc, "User-Agent": "flyball", **headers},
        extensions={"sni_hostname": address.host},
    ) as response:
        return response.status_code


def _client(receiver: Receiver, proxy: Proxy | None, caps: Caps) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        verify=_tls(receiver) if receiver.address.scheme == "https" else False,
        trust_env=False,
        proxy=proxy.url if proxy else None,
        follow_redirects=False,
        timeout=httpx2.Timeout(caps.silent_s, connect=caps.connect_s),
    )


def _tls(receiver: Receiver) -> ssl.SSLContext:
    """Trusts the given CA alone where there is one, else the system's."""
    if receiver.ca is not None:
        return ssl.create_default_context(cafile=str(receiver.ca))
    context: ssl.SSLContext = httpx2.create_ssl_context(trust_env=False)
    return context
