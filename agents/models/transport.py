"""The way to the model's endpoint: that address and no other, through a proxy only where one is asked for.

A conversation holds what was read of the cluster, so nothing may carry it elsewhere: no redirect is followed, and
proxies are chosen by the one rule of base/proxies.py (which never sends this machine's own addresses away).
"""

import ssl
from urllib.parse import urlsplit

import httpx2

from agents.errors import ModelUnavailable
from agents.models.endpoint import Endpoint
from base.proxies import Proxy, ProxyInvalid, proxy_for
from base.text import harmless


def proxy_to(endpoint: Endpoint) -> Proxy | None:
    """The proxy on the way. Raises ModelUnavailable where the environment names one that cannot be used."""
    try:
        return proxy_for(endpoint.url)
    except ProxyInvalid as error:
        raise ModelUnavailable(error.what, where=error.where, hint=error.hint) from error


def http_client(endpoint: Endpoint, proxy: Proxy | None) -> httpx2.AsyncClient:
    """Connections to the endpoint: its certificate is held against `ca`, else against the system's CAs, or those that
    the environment names. Raises ModelUnavailable for CAs of no use.

    The environment is read here, by rules that are written down, and not by the library (netrc, ALL_PROXY).
    """
    try:
        verify = _trusted(endpoint) if endpoint.url.startswith("https:") else True
    except OSError as error:
        one = "a PEM file" if endpoint.ca else "a PEM file or a folder"
        raise ModelUnavailable(
            f"the certificates of the CAs cannot be read: {error.strerror or error}",
            where=f"model_ca, {endpoint.ca}" if endpoint.ca else "SSL_CERT_FILE or SSL_CERT_DIR",
            hint=f"name {one} that is there, or unset it to trust the system's CAs",
        ) from error
    return httpx2.AsyncClient(
        verify=verify, trust_env=False, follow_redirects=False, proxy=proxy.url if proxy else None
    )


def _trusted(endpoint: Endpoint) -> ssl.SSLContext:
    if endpoint.ca:
        return ssl.create_default_context(cafile=endpoint.ca)
    return httpx2.create_ssl_context()


def redirected(status: int, location: str, where: str) -> ModelUnavailable:
    """A redirect, by its scheme, host and port only: the rest of a Location may hold a session token."""
    try:
        parts = urlsplit(location)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.hostname else ""
    except ValueError:
        origin = ""
    to = f" to {harmless(origin, 200)}" if origin else ""
    return ModelUnavailable(
        f"HTTP {status}: a redirect{to}",
        where=where,
        hint="redirects are not followed: set model_url to the endpoint itself",
    )
