"""Where a receiver may be: one address, from configuration only, that hands out no credentials of this machine.

https, or http on this machine itself: a message names what is wrong where, and the address itself is a credential.
"""

import asyncio
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from base.addresses import forbidden, loopback

_PORTS = {"http": 80, "https": 443}


class AddressInvalid(ValueError):
    """The text is no address that a receiver may have; it is not repeated, since it may hold a credential."""


class Unreachable(Exception):
    """The host has no address, or one to which nothing is sent."""


@dataclass(frozen=True, slots=True)
class Address:
    """`path` is what follows the host, with the query; it may be a credential and is not shown."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """For people: without the path."""
        return f"{self.scheme}://{self.netloc}/…"


def parse(text: str) -> Address:
    """The address of a receiver. Raises AddressInvalid."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise AddressInvalid("it is not a URL") from None
    if not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
        raise AddressInvalid("it holds characters that a URL does not have")
    if parts.scheme not in _PORTS:
        raise AddressInvalid("it starts with neither https:// nor http://")
    if "@" in parts.netloc or "%" in parts.netloc or not parts.hostname or port == 0:
        raise AddressInvalid("it has a user or a password, or no host that can be used")
    if parts.fragment or "#" in text or "\\" in text:
        raise AddressInvalid("it has a fragment or a backslash")
    if parts.scheme == "http" and not loopback(parts.hostname):
        raise AddressInvalid("http:// is for this machine's own addresses only: write https://")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path)


async def resolve(address: Address) -> tuple[str, ...]:
    """The IP addresses of the host, each of them allowed. Raises Unreachable."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:  # the latter for a label that is empty or too long
        why = e.strerror if isinstance(e, OSError) and e.strerror else e
        raise Unreachable(f"the name cannot be resolved: {why}") from e
    ips = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    if bad := next((ip for ip in ips if forbidden(ip)), None):
        raise Unreachable(f"it leads to {bad}, which is link-local or a metadata service")
    return ips
