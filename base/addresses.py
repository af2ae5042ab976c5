"""Which IP addresses nothing of ours is ever sent to: those that hand out a machine's own credentials, and no hosts.

Cloud metadata services (169.254.169.254 and its kin) answer every caller inside. Whoever sends to an address from
configuration resolves the name first, asks here, and connects to the very address that was asked about: a name cannot
change its mind between the look and the connection.
"""

import ipaddress

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Metadata services outside of the link-local ranges: Alibaba, Azure, Oracle, AWS and Google on IPv6."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def forbidden(text: str) -> bool:
    """Link-local, multicast, unspecified and metadata addresses, also where IPv6 wraps an IPv4 one."""
    ip = ipaddress.ip_address(text.partition("%")[0])
    return any(_refused(one) for one in (ip, *_inner(ip)))


def loopback(host: str) -> bool:
    """Whether nothing that is sent to this host leaves this machine, known without asking a name server."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(ip: _IP) -> bool:
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA


def _inner(ip: _IP) -> tuple[_IP, ...]:
    """IPv4 within IPv6: mapped (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052)."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ()
    wrapped = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        wrapped.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return tuple(one for one in wrapped if one is not None)
