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

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.dateutil import parse_rfc3339
from kubernetes.aio.config.exec_provider import ExecProvider
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import FileOrData, KubeConfigLoader

from audit.clock import Clock
from base.proxies import Proxy
from tools.cluster.cluster_entry import proxy_of, server_of
from tools.cluster.kubeconfig import Kubeconfig, KubeconfigInvalid, Section
from tools.cluster.user_entry import UserEntry, read_user

TOKEN_FILE_S = 60
"""A token file is read again after this many seconds, as client-go does."""
PLUGIN_S = 60
_EXPIRY_SKEW_MS = 30_000
_BROKEN = (ConfigException, ValueError, KeyError, TypeError, AttributeError, OSError, binascii.Error)


class Login:
    """A connection's settings and credentials, renewed when they run out.

    `impersonation` goes with every request; `withheld` says that credentials are not sent, for want of TLS.
    """

    def __init__(
        self, configuration: Configuration, where: str, proxy: Proxy | None, entry: UserEntry
    ) -> None:
        self._configuration, self.where, self.proxy = configuration, where, proxy
        self.impersonation, self.withheld = entry.impersonation, entry.withheld
        self.server: str = configuration.host

    async def authorization(self) -> str | None:
        """The Authorization header; None where a client certificate speaks. Raises KubeconfigInvalid."""
        try:
            token = await self._configuration.get_api_key_with_prefix("BearerToken")
        except _BROKEN as error:
            raise _invalid(error, self.where) from error
        if token and not token.strip().isprintable():
            raise _invalid(ValueError("the token holds what a header cannot carry"), self.where)
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
        proxy = self.proxy.url if self.proxy else None
        wanted = {"proxy": proxy, "server_hostname": self._configuration.tls_server_name}
        return {name: value for name, value in wanted.items() if value}


async def from_kubeconfig(config: Kubeconfig, context: str, clock: Clock) -> Login:
    """Sign in as the context says: certificates, token, token file, exec plugin. Raises KubeconfigInvalid."""
    cluster, user = config.part(context, "clusters"), config.part(context, "users")
    where, place = f"{config.where} (context {context})", config.place(context, "clusters")
    server = server_of(cluster, place)
    entry = read_user(user, server, config.place(context, "users") if user else where)
    loader, configuration = _Loader(_alone(cluster | {"server": server}, entry)), _fresh()
    try:
        await asyncio.wait_for(loader.load_and_set(configuration), PLUGIN_S)
    except (*_BROKEN, TimeoutError) as error:
        raise _invalid(error, where, _hint(entry.credentials)) from error
    configuration.refresh_api_key_hook = _renewal(loader, entry.credentials, clock)
    return Login(configuration, where, proxy_of(server, cluster.get("proxy-url"), place), entry)


def in_cluster() -> Login:
    """Sign in as the pod's own ServiceAccount. Raises KubeconfigInvalid outside a pod."""
    configuration, where = _fresh(), "in-cluster"
    try:
        load_incluster_config(client_configuration=configuration)
    except _BROKEN as error:
        raise _invalid(error, where, "run in a pod that mounts a ServiceAccount token") from error
    return Login(configuration, where, proxy_of(configuration.host, None, where), UserEntry({}, ()))


class _Pool(RESTClientObject):
    def open(self) -> aiohttp.ClientSession:
        return self._create_pool_manager()


class _Loader(KubeConfigLoader):
    """The official loader logs a failing exec plugin and goes on without credentials; this one says so."""

    expires_ms: int | None = None

    def __init__(self, document: Section) -> None:
        super().__init__(document, config_base_path="")

    def _load_user_token(self) -> bool:
        """The file before the token; one that holds none is an error, never an anonymous login."""
        assert self._user is not None
        file = self._user.safe_get("tokenFile")
        token = _token_of(file) if file else self._user.safe_get("token")
        if token:
            self.token = f"Bearer {token}"
        return bool(token)

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


def _token_of(file: str) -> str:
    with open(file, encoding="ascii") as opened:
        token = opened.read().strip()
    if not token:
        raise ConfigException(f"the token file is empty: {file}")
    return token


def _renewal(loader: _Loader, user: Mapping[str, Any], clock: Clock) -> Any:
    """A hook that the configuration calls before it gives out the token; None where nothing is renewed."""
    if "exec" not in user and not user.get("tokenFile"):
        return None
    read_us = clock.mono_us()

    async def exec_plugin(configuration: Configuration) -> None:
        if loader.expires_ms is not None and clock.wall_ms() >= loader.expires_ms - _EXPIRY_SKEW_MS:
            await loader.load_from_exec_plugin()
            configuration.api_key["BearerToken"] = loader.token

    def token_file(configuration: Configuration) -> None:
        nonlocal read_us
        if clock.mono_us() - read_us >= TOKEN_FILE_S * 1_000_000:
            configuration.api_key["BearerToken"] = f"Bearer {_token_of(user['tokenFile'])}"
            read_us = clock.mono_us()

    return exec_plugin if "exec" in user else token_file


def _fresh() -> Configuration:
    """X.509 strictness beyond Go's is off: many clusters' CAs lack extensions that RFC 5280 asks for."""
    configuration = Configuration()
    configuration.disable_strict_ssl_verification = True
    return configuration


def _alone(cluster: Section, entry: UserEntry) -> Section:
    """What the loader gets to see: one context, and of its user what may be sent."""
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": entry.credentials}],
    }


def _hint(user: Mapping[str, Any]) -> str:
    if "exec" not in user:
        return "check the files and data that this context names"
    plugin = user["exec"]
    return str(plugin.get("installHint") or f"run `{plugin.get('command')}` by hand to see what it says")


def _invalid(error: BaseException, where: str, hint: str = "") -> KubeconfigInvalid:
    slow = "the exec plugin did not answer in a minute" if isinstance(error, TimeoutError) else repr(error)
    what = str(error) or slow
    return KubeconfigInvalid(f"cannot sign in: {what}", where=where, hint=hint)
