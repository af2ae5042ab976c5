"""Who asks: the address, credentials and certificates of one Prometheus, checked before anything is sent."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from base.proxies import Proxy, ProxyInvalid, proxy_for
from tools.errors import MetricsUnavailable
from tools.metrics.prometheus.address import Address
from tools.metrics.template_file import MetricsConfigInvalid

MAX_SECRET = 16 * 1024


@dataclass(frozen=True, slots=True)
class Access:
    """Raises MetricsConfigInvalid for what cannot be meant. A token goes over TLS, or stays on this machine."""

    address: Address
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    tenant: str = ""

    def __post_init__(self) -> None:
        if self.token and self.token_file:
            raise _invalid("there are a token and a token file", "prometheus_token", "set one of them")
        if self.key and not self.cert:
            raise _invalid("a key without its certificate", "prometheus_key", "set prometheus_cert too")
        if self.token:
            usable(self.token, "prometheus_token")
        if self.tenant and not _header(self.tenant):
            raise _invalid(
                "it is not a header's text", "prometheus_tenant", "printable ASCII without spaces around it"
            )
        self._transport()

    def _transport(self) -> None:
        if self.address.scheme == "https":
            return
        if self.ca or self.cert:
            raise _invalid("certificates need https", "prometheus_url", "write https://, or take them out")
        if (self.token or self.token_file) and not self.address.loopback:
            hint = "write https://; http:// with a token is for this machine's own addresses only"
            raise _invalid("the token would be sent unencrypted", "prometheus_url", hint)

    def bearer(self) -> str:
        """The token, read from its file each time, since a kubelet rotates it. Raises MetricsUnavailable."""
        if self.token_file is None:
            return self.token
        try:
            with self.token_file.open("rb") as file:
                token = file.read(MAX_SECRET + 1).decode("ascii").strip()
            return usable(token, str(self.token_file))
        except (OSError, UnicodeDecodeError, MetricsConfigInvalid) as error:
            what = error.what if isinstance(error, MetricsConfigInvalid) else _reason(error)
            raise MetricsUnavailable(
                f"the token's file cannot be used: {what}",
                where=str(self.token_file),
                hint="check prometheus_token_file: one token, readable by this user",
                code="Token",
            ) from None

    def proxy(self) -> Proxy | None:
        """The proxy that the environment names for the address. Raises MetricsConfigInvalid for one of no use."""
        try:
            return proxy_for(str(self.address))
        except ProxyInvalid as error:
            raise _invalid(error.what, error.where, error.hint) from error

    def tls(self) -> ssl.SSLContext | None:
        """Trusts the given CA alone where there is one, else the system's; not what SSL_CERT_FILE says.

        None where the address is http. Raises MetricsConfigInvalid.
        """
        if self.address.scheme != "https":
            return None
        where = "prometheus_ca"
        try:
            context = ssl.create_default_context(cafile=str(self.ca)) if self.ca else _system()
            where = "prometheus_cert"
            if self.cert:
                # A password prompt would hang a process that nobody sits at: an encrypted key is an error.
                context.load_cert_chain(self.cert, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            hint = "check the file: PEM, readable, and the key (not encrypted) is the certificate's"
            raise _invalid(f"the certificates cannot be used: {_reason(error)}", where, hint) from error
        return context


def _system() -> ssl.SSLContext:
    import httpx2

    return httpx2.create_ssl_context(trust_env=False)


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def usable(token: str, where: str) -> str:
    """A token as RFC 6750 has it, so that it cannot end its header. Raises MetricsConfigInvalid, without it."""
    if not 0 < len(token) <= MAX_SECRET or not _header(token) or " " in token:
        raise _invalid("it is not a bearer token", where, "one line of printable ASCII without spaces")
    return token


def _header(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _invalid(what: str, where: str, hint: str) -> MetricsConfigInvalid:
    return MetricsConfigInvalid(what, where=where, hint=hint)
