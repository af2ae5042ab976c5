"""The one file that imports the official client: its kubeconfig loader, credentials, TLS and connection pool.

Requests are sent by api.py on the pool that is made here, as plain JSON: the client's models cost more than
the whole request, and its `request` follows redirects, which a governed write must not.
"""
# The client ships py.typed, but its configuration half is not annotated.
# mypy: disable-error-code="no-untyped-call"

from tools.cluster import client_packages  # noqa: F401 - before anything of the client is imported

# isort: split

import asyncio
import binascii
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.dateutil import parse_rfc3339
from kubernetes.aio.config.exec_provider import ExecProvider
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import ConfigNode, FileOrData, KubeConfigLoader

from audit.clock import Clock
from tools.cluster.kubeconfig import Kubeconfig, KubeconfigInvalid

TOKEN_FILE_S = 60
"""A token file is read again after this many seconds, as client-go does."""
PLUGIN_S = 60
_EXPIRY_SKEW_MS = 30_000
_BROKEN = (ConfigException, ValueError, KeyError, TypeError, AttributeError, OSError, binascii.Error)


class Login:
    """A connection's settings and credentials, renewed when they run out."""

    def __init__(self, configuration: Configuration, where: str) -> None:
        self._configuration, self.where = configuration, where
        self.server: str = configuration.host

    async def authorization(self) -> str | None:
        """The Authorization header; None where a client certificate speaks. Raises KubeconfigInvalid."""
        try:
            token = await self._configuration.get_api_key_with_prefix("BearerToken")
        except _BROKEN as error:
            raise _invalid(error, self.where) from error
        return token.strip() if token else None

    def session(self) -> aiohttp.ClientSession:
        """The connection pool. No cookies, no ~/.netrc, no retries; proxies only as configured.

        Raises KubeconfigInvalid for certificates that cannot be used.
        """
        self._configuration.client_session_kwargs = {
            "trust_env": False,
            "cookie_jar": aiohttp.DummyCookieJar(),
        }
        try:
            return _Pool(self._configuration).open()
        except (ssl.SSLError, OSError) as error:
            raise KubeconfigInvalid(
                f"the certificates cannot be used: {error}",
                where=self.where,
                hint="check certificate-authority, client-certificate and client-key: PEM, and a pair",
            ) from error

    def options(self) -> dict[str, Any]:
        """What each request takes along: proxy and TLS server name, where they are set."""
        wanted = {"proxy": self._configuration.proxy, "server_hostname": self._configuration.tls_server_name}
        return {name: value for name, value in wanted.items() if value}


async def from_kubeconfig(config: Kubeconfig, context: str, clock: Clock) -> Login:
    """Sign in as the context says: certificates, token, token file, exec plugin. Raises KubeconfigInvalid."""
    cluster, user = config.part(context, "clusters"), config.part(context, "users")
    if not cluster.get("server"):
        raise KubeconfigInvalid(f"the cluster of context `{context}` has no server", where=config.where)
    where = f"{config.where} (context {context})"
    loader = _Loader(dict(config.document), active_context=context, config_base_path="")
    if not user:
        loader._user = ConfigNode("users", {})  # a context without a user would trip the loader
    configuration = _fresh()
    try:
        await asyncio.wait_for(loader.load_and_set(configuration), PLUGIN_S)
    except (*_BROKEN, TimeoutError) as error:
        raise _invalid(error, where, _hint(user)) from error
    configuration.proxy = configuration.proxy or _proxy_of(configuration.host)
    if "exec" in user or user.get("tokenFile"):
        configuration.refresh_api_key_hook = _renewal(loader, user, clock)
    return Login(configuration, where)


def in_cluster() -> Login:
    """Sign in as the pod's own ServiceAccount. Raises KubeconfigInvalid outside a pod."""
    configuration = _fresh()
    try:
        load_incluster_config(client_configuration=configuration)
    except _BROKEN as error:
        raise _invalid(error, "in-cluster", "run in a pod that mounts a ServiceAccount token") from error
    return Login(configuration, "in-cluster")


class _Pool(RESTClientObject):
    def open(self) -> aiohttp.ClientSession:
        return self._create_pool_manager()


class _Loader(KubeConfigLoader):
    """The official loader logs a failing exec plugin and goes on without credentials; this one says so."""

    expires_ms: int | None = None

    async def load_from_exec_plugin(self) -> bool:
        assert self._user is not None
        status = await ExecProvider(self._user["exec"]).run()
        if "token" in status:
            self.token = f"Bearer {status['token']}"
        if "clientCertificateData" in status and "clientKeyData" in status:
            self.cert_file = self._file(status, "clientCertificateData")
            self.key_file = self._file(status, "clientKeyData")
        elif "token" not in status:
            raise ConfigException("exec: the plugin gave neither a token nor a certificate with its key")
        expiry = status.get("expirationTimestamp")
        self.expires_ms = round(parse_rfc3339(expiry).timestamp() * 1000) if expiry else None
        return True

    @staticmethod
    def _file(status: Mapping[str, Any], name: str) -> str:
        path: str = FileOrData(status, None, data_key_name=name, base64_file_content=False).as_file()
        return path


def _renewal(loader: _Loader, user: Mapping[str, Any], clock: Clock) -> Any:
    """A hook that the configuration calls before it gives out the token."""
    read_us = clock.mono_us()

    async def exec_plugin(configuration: Configuration) -> None:
        if loader.expires_ms is not None and clock.wall_ms() >= loader.expires_ms - _EXPIRY_SKEW_MS:
            await loader.load_from_exec_plugin()
            configuration.api_key["BearerToken"] = loader.token

    def token_file(configuration: Configuration) -> None:
        nonlocal read_us
        if clock.mono_us() - read_us >= TOKEN_FILE_S * 1_000_000:
            with open(user["tokenFile"], encoding="ascii") as file:
                configuration.api_key["BearerToken"] = f"Bearer {file.read().strip()}"
            read_us = clock.mono_us()

    return exec_plugin if "exec" in user else token_file


def _fresh() -> Configuration:
    """X.509 strictness beyond Go's is off: many clusters' CAs lack extensions that RFC 5280 asks for."""
    configuration = Configuration()
    configuration.disable_strict_ssl_verification = True
    return configuration


def _proxy_of(server: str) -> str | None:
    """HTTPS_PROXY and NO_PROXY, looked up once for the one server that this connection talks to."""
    parts = urlsplit(server)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _hint(user: Mapping[str, Any]) -> str:
    if "exec" not in user:
        return "check the files and data that this context names"
    plugin = user["exec"]
    return str(plugin.get("installHint") or f"run `{plugin.get('command')}` by hand to see what it says")


def _invalid(error: BaseException, where: str, hint: str = "") -> KubeconfigInvalid:
    slow = "the exec plugin did not answer in a minute" if isinstance(error, TimeoutError) else repr(error)
    what = str(error) or slow
    return KubeconfigInvalid(f"cannot sign in: {what}", where=where, hint=hint)
