"""Which proxy a request goes through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go reads them, and so kubectl.

Rules: https://pkg.go.dev/golang.org/x/net/http/httpproxy. Loopback is never proxied, NO_PROXY may hold networks,
addresses and ports, the capital variables come first, ALL_PROXY is not read. In one point this is stricter: a
proxy that cannot be used is an error, where Go would connect directly.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from base.errors import FlyballError

_PORTS = {"http": 80, "https": 443}
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class ProxyInvalid(FlyballError):
    """A proxy is asked for that cannot be used. Nothing was sent, not even directly."""

    effect = "unavailable"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` is what a client connects to, and may hold a password; `source` names it: a variable or field."""

    url: str
    source: str

    def __str__(self) -> str:
        """For messages: without the password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} ({self.source})"

    def __repr__(self) -> str:
        return f"Proxy({self})"


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy that the environment names for this http(s) address; None: connect directly.

    Raises ProxyInvalid.
    """
    parts = urlsplit(url)
    found = _variable(f"{parts.scheme}_proxy", environ) if parts.scheme in _PORTS else None
    if found is None or _direct(parts, environ):
        return None
    return parse_proxy(found[1], found[0])


def parse_proxy(text: str, source: str) -> Proxy:
    """An http(s) proxy's address, `http://` where it has no scheme. Raises ProxyInvalid, without its password."""
    text = text.strip()
    parts = _split(text if "://" in text else f"http://{text}", source)
    if parts.scheme not in _PORTS:
        scheme = parts.scheme[:20]
        raise ProxyInvalid(
            f"a `{scheme}` proxy cannot be used",
            where=source,
            hint=f"give {source} the address of an http:// or https:// proxy, or take it out",
        )
    return Proxy(urlunsplit((parts.scheme, parts.netloc, "", "", "")), source)


def _split(text: str, source: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise ProxyInvalid(
            "this is not the address of a proxy",
            where=source,
            hint=f"write {source} as http://HOST:PORT, or take it out",
        )
    return parts


def _variable(name: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable and its value; the one in capitals first."""
    return next(((one, environ[one]) for one in (name.upper(), name) if environ.get(one, "").strip()), None)


def _direct(parts: SplitResult, environ: Mapping[str, str]) -> bool:
    """Whether this host is reached without a proxy: it is this machine, or NO_PROXY names it."""
    host, ip = (parts.hostname or "").rstrip("."), _ip(parts.hostname or "")
    if host == "localhost" or (ip is not None and _plain(ip).is_loopback):
        return True
    port = parts.port or _PORTS[parts.scheme]
    _, listed = _variable("no_proxy", environ) or ("", "")
    entries = (one.strip().lower() for one in listed.split(","))
    return any(_matches(one, host, ip, port) for one in entries if one)


def _matches(entry: str, host: str, ip: _IP | None, port: int) -> bool:
    """One entry of NO_PROXY: `*`, a network, an address or a name, the last two with a port or without."""
    if entry == "*":
        return True
    if "/" in entry:
        return ip is not None and _within(ip, entry)
    name, wanted = _host_port(entry)
    if wanted not in ("", str(port)):
        return False
    if (address := _ip(name)) is not None:
        return ip is not None and _plain(ip) == _plain(address)
    return ip is None and _domain(name, host)


def _domain(name: str, host: str) -> bool:
    """`x.y` is itself and everything below it; `.x.y` and `*.x.y` are only what is below."""
    name = name.removeprefix("*") if name.startswith("*.") else name
    below = name if name.startswith(".") else f".{name}"
    return len(below) > 1 and (host.endswith(below) or host == name)


def _host_port(entry: str) -> tuple[str, str]:
    """`host:port`, `[IPv6]:port`, or a host alone."""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, port.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and ":" not in host else (entry, "")


def _within(ip: _IP, network: str) -> bool:
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return _plain(ip) in found


def _ip(text: str) -> _IP | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _plain(ip: _IP) -> _IP:
    """IPv4 where IPv6 wraps it: both are the same host."""
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
