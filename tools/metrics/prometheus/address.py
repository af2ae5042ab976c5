"""Where Prometheus may be: one address, from configuration only, that cannot reach a machine's own credentials.

The host is resolved here, each address is looked at (base/addresses.py says which are refused), and the connection
goes to one of those that were looked at: a name cannot change its mind between the look and the connection.
"""

import asyncio
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from base.addresses import forbidden, loopback
from tools.errors import MetricsUnavailable
from tools.metrics.template_file import MetricsConfigInvalid

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """`base` is the path before `/api/v1`, without a slash at its end."""

    scheme: str
    host: str
    port: int
    base: str

    @property
    def loopback(self) -> bool:
        """Whether nothing that is sent there leaves this machine, known without asking a name server."""
        return loopback(self.host)

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.base}"


def parse(text: str) -> Address:
    """The setting `prometheus_url`. Raises MetricsConfigInvalid, without repeating what may be a password."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _invalid("it is not a URL") from error
    if not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
        raise _invalid("it holds characters that a URL does not have")
    if parts.scheme not in _PORTS:
        raise _invalid("it starts with neither http:// nor https://")
    if "@" in parts.netloc:
        raise _invalid(
            "it holds a user or a password", "take them out; use prometheus_token or a certificate"
        )
    if not parts.hostname or port == 0 or "%" in parts.netloc:
        raise _invalid("it has no host, or none that can be used")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise _invalid("it has a query or a fragment", "end it with the path before /api/v1")
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], _base(parts))


def _base(parts: SplitResult) -> str:
    base = parts.path.rstrip("/")
    if base.endswith("/api/v1") or any(segment in (".", "..") for segment in base.split("/")):
        raise _invalid("its path is not the one before /api/v1", "leave /api/v1 out: it is added")
    return base


def _invalid(what: str, hint: str = "write it as http://prometheus.monitoring:9090") -> MetricsConfigInvalid:
    return MetricsConfigInvalid(
        f"this address of Prometheus cannot be used: {what}", where="prometheus_url", hint=hint
    )


async def resolve(address: Address) -> tuple[str, ...]:
    """The IP addresses of the host, each of them allowed. Raises MetricsUnavailable."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise MetricsUnavailable(
            f"the name `{address.host}` cannot be resolved: {error.strerror or error}",
            where=str(address),
            hint="check the host in prometheus_url, and the network or VPN",
            code="Unresolved",
        ) from error
    ips = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    if bad := next((ip for ip in ips if forbidden(ip)), None):
        raise MetricsUnavailable(
            f"`{address.host}` leads to {bad}, which is link-local or a metadata service: nothing was sent there",
            where=str(address),
            hint="set prometheus_url to the address of a Prometheus",
            code="ForbiddenAddress",
        )
    return ips
