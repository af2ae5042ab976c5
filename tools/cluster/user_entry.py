"""The user entry of a kubeconfig: which credentials may go to the server, and on whose behalf it asks.

Read as client-go does (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#AuthInfo): credentials go over
TLS only, one method at a time, a token file before a token, both before an exec plugin. Impersonation
(https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation) is sent whole or
refused: the bare credential has other rights than the person asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.cluster.kubeconfig import KubeconfigInvalid, Section

Headers = tuple[tuple[str, str], ...]
"""Header lines in their order; a name may come more than once."""

_STATIC = {"a token": ("token", "tokenFile"), "a password": ("username", "password")}
_RENEWED = ("exec", "auth-provider")
_CERTIFICATES = ("client-certificate", "client-certificate-data", "client-key", "client-key-data")
_CREDENTIALS = (*_RENEWED, *_CERTIFICATES, *(name for names in _STATIC.values() for name in names))
_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")
_TOKEN_BYTES = frozenset(b"!#$&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""What a header's name may hold (RFC 9110, token), without the `%` that escapes everything else."""


@dataclass(frozen=True, slots=True)
class UserEntry:
    """`credentials` are what may be sent; `withheld` says that there are some, which need TLS to be sent."""

    credentials: Section
    impersonation: Headers
    withheld: bool = False


def read_user(user: Mapping[str, Any], server: str, where: str) -> UserEntry:
    """What the entry means for that server's address. Raises KubeconfigInvalid, which names the field."""
    headers = impersonation(user, where)
    if not server.startswith("https://"):
        left = {name: value for name, value in user.items() if name not in _CREDENTIALS}
        return UserEntry(left, headers, withheld=len(left) < len(user))
    return UserEntry(_chosen(user, where), headers)


def impersonation(user: Mapping[str, Any], where: str) -> Headers:
    """The Impersonate-* headers that `as`, `as-uid`, `as-groups` and `as-user-extra` ask for."""
    asked = [name for name in _IMPERSONATION if user.get(name)]
    if not asked:
        return ()
    if "as" not in asked:
        raise _refused(f"`{asked[0]}` needs `as`: whom to impersonate", where)
    extra = user.get("as-user-extra") or {}
    if not isinstance(extra, Mapping):
        raise _refused("`as-user-extra` is not a mapping of lists", where)
    found = [("Impersonate-User", user["as"])]
    found += [("Impersonate-Uid", user["as-uid"])] if "as-uid" in asked else []
    found += [("Impersonate-Group", one) for one in _listed(user.get("as-groups"), "as-groups", where)]
    for key, values in extra.items():
        name = f"Impersonate-Extra-{_escaped(str(key))}"
        found += [(name, one) for one in _listed(values, f"as-user-extra.{key}", where)]
    return tuple((name, _text(value, name, where)) for name, value in found)


def _chosen(user: Mapping[str, Any], where: str) -> Section:
    """The credentials without those that client-go would not use beside the others."""
    static = [kind for kind, names in _STATIC.items() if any(user.get(name) for name in names)]
    if len(static) > 1:
        raise _refused(f"there are {' and '.join(static)}: only one of them can be sent", where)
    if not isinstance(user.get("exec", {}), Mapping):
        raise _refused("`exec` is not a mapping", where)
    unused = [*(_RENEWED if static else ()), *(("token",) if user.get("tokenFile") else ())]
    return {name: value for name, value in user.items() if name not in unused}


def _listed(value: object, name: str, where: str) -> Iterable[object]:
    if value is None or isinstance(value, list):
        return value or ()
    raise _refused(f"`{name}` is not a list", where)


def _text(value: object, name: str, where: str) -> str:
    """A header's value: text that cannot end its line."""
    if isinstance(value, str) and value.isprintable() and value == value.strip():
        return value
    raise _refused(f"the value for {name} is not one line of text", where)


def _escaped(key: str) -> str:
    """Percent-encoded where a header's name cannot hold it, as client-go does; the apiserver decodes it."""
    return "".join(chr(byte) if byte in _TOKEN_BYTES else f"%{byte:02X}" for byte in key.encode())


def _refused(what: str, where: str) -> KubeconfigInvalid:
    return KubeconfigInvalid(
        f"cannot sign in: {what}", where=where, hint="correct this user in the kubeconfig"
    )
