"""The cluster entry of a kubeconfig: the server's address, and the proxy on the way to it."""

from urllib.parse import urlsplit

from base.proxies import Proxy, ProxyInvalid, parse_proxy, proxy_for
from tools.cluster.kubeconfig import KubeconfigInvalid, Section


def server_of(cluster: Section, where: str) -> str:
    """The server's address, without a slash at its end. Raises KubeconfigInvalid for what is none.

    A user or password in it would be sent past the rules for credentials.
    """
    server, hint = cluster.get("server"), "write it as https://HOST:PORT"
    if not server:
        raise KubeconfigInvalid("the cluster has no server", where=where, hint=hint)
    try:
        parts = urlsplit(str(server))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not str(server).isprintable():
        raise KubeconfigInvalid("its server is not an http(s) address", where=where, hint=hint)
    if "@" in parts.netloc:
        hint = "take them out; name them in the user entry"
        raise KubeconfigInvalid("its server holds a user or a password", where=where, hint=hint)
    return parts.geturl().rstrip("/")


def proxy_of(server: str, own: object, where: str) -> Proxy | None:
    """The cluster's own `proxy-url`, else what the environment says for the server; decided once a connection.

    Raises KubeconfigInvalid where it cannot be used.
    """
    try:
        return parse_proxy(str(own), "proxy-url") if own else proxy_for(server)
    except ProxyInvalid as error:
        place = f"{where}: {error.where}" if own else error.where
        raise KubeconfigInvalid(error.what, where=place, hint=error.hint) from error
