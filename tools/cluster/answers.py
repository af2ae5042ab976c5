"""What the apiserver answered, and what that means: errors classified by their effect on the cluster.

An apiserver explains itself in a JSON Status; a proxy, a dead aggregated API or a wrong port does not, and a
404 without one says nothing about the object.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tools.errors import (
    ClusterUnavailable,
    DefiniteConflict,
    MayHaveHappened,
    NeverHappened,
    NotFound,
    ToolError,
    WriteError,
)

_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)"'
    r' in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as error messages name it. `proxy` is what it goes through; `unsigned` says that the
    credentials of the user stayed here, since the server is not reached over TLS."""

    method: str
    path: str
    server: str
    proxy: str = ""
    unsigned: bool = False

    @property
    def where(self) -> str:
        through = f" through the proxy {self.proxy}" if self.proxy else ""
        return f"{self.method} {self.server}{self.path}{through}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code and body; `document` is the body as JSON object."""

    question: Question
    http: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.http < 300

    def document(self) -> dict[str, Any]:
        """Raises ValueError where the body is not a JSON object."""
        loaded = orjson.loads(self.body)
        if not isinstance(loaded, dict):
            raise ValueError("the answer is not a JSON object")
        return loaded

    def status(self) -> Mapping[str, Any] | None:
        """The apiserver's own Status, or None where something else answered."""
        try:
            loaded = self.document()
        except ValueError:
            return None
        return loaded if loaded.get("kind") == "Status" else None


def read_error(answer: Answer) -> ToolError:
    """What a failed read means: NotFound, NeverHappened (refused), else ClusterUnavailable."""
    status, http = answer.status(), answer.http
    if status is None:
        return ClusterUnavailable(
            f"no apiserver's answer: HTTP {http} {_plain(answer)}", **_said(answer, None, _STRANGER)
        )
    if http == 404:  # the apiserver's own words about the name that was asked for: nobody else's are in it
        said = _said(answer, status, "check the name, the namespace and the context")
        return NotFound(_message(status), **{**said, "quotes": False})
    if http < 500 and http not in (408, 410, 429):
        return NeverHappened(_message(status), **_said(answer, status, _hint(answer, status)))
    return ClusterUnavailable(_message(status), **_said(answer, status, "try again in a moment"))


def write_error(answer: Answer) -> WriteError:
    """What a failed write means. Only a 409 is decided again; only 4xx and redirects are surely without
    effect: a 5xx may come from a proxy, or from the apiserver after etcd took the write."""
    status, http = answer.status(), answer.http
    what = _message(status) if status is not None else f"HTTP {http} {_plain(answer)}"
    if http == 409 or _other_object(http, status):
        return DefiniteConflict(what, **_said(answer, status, "it is decided again on a fresh read"))
    if 300 <= http < 500:
        return NeverHappened(what, **_said(answer, status, _hint(answer, status)))
    return MayHaveHappened(what, **_said(answer, status, IN_DOUBT))


_STRANGER = "check that the kubeconfig's server is a kube-apiserver, and its port; or that the API is served"
IN_DOUBT = "do not repeat it: the resolver reads the object and finds out"


def _other_object(http: int, status: Mapping[str, Any] | None) -> bool:
    """A 422 on `metadata.uid` alone is our UID precondition on a whole object (on `/scale` it is a 409): the
    name now belongs to another object."""
    causes = ((status or {}).get("details") or {}).get("causes") or []
    return http == 422 and {one.get("field") for one in causes} == {"metadata.uid"}


def _said(answer: Answer, status: Mapping[str, Any] | None, hint: str) -> dict[str, Any]:
    code = str((status or {}).get("reason") or f"HTTP{answer.http}")
    return {"where": answer.question.where, "hint": hint, "code": code, "http": answer.http, "quotes": True}


def _message(status: Mapping[str, Any]) -> str:
    return str(status.get("message") or status.get("reason") or "no reason given")[:2048]


def _plain(answer: Answer) -> str:
    return answer.body[:200].decode("utf-8", "replace").strip()


def _hint(answer: Answer, status: Mapping[str, Any] | None) -> str:
    http = answer.http
    if http in (401, 403) and answer.question.unsigned:
        return "the credentials were not sent: the kubeconfig's server is http://, and they need https://"
    if http == 403:
        return _rbac(_message(status or {}))
    if http == 401:
        return "sign in again: the credentials of this context are not accepted"
    if http == 429:
        return "the apiserver is busy; try again in a moment"
    if 300 <= http < 400:
        return _STRANGER
    return "change what is asked for: the apiserver will not take this"


def _rbac(message: str) -> str:
    """Which RBAC rule is missing, and the kubectl line that asks for it; other 403s come from admission."""
    denied = _FORBIDDEN.search(message)
    if denied is None:
        return "no RBAC rule is missing: an admission rule or a quota refused it, for the reason given"
    verb, group, namespace = denied["verb"], denied["group"], denied["namespace"]
    resource, _, subresource = denied["resource"].partition("/")
    asked = f"{resource}.{group}" if group else resource
    ask = f"kubectl auth can-i {verb} {asked}" + (f" --subresource={subresource}" if subresource else "")
    scope = f"Role in namespace {namespace}" if namespace else "ClusterRole"
    rule = f'apiGroups: ["{group}"], resources: ["{denied["resource"]}"], verbs: ["{verb}"]'
    place = f" -n {namespace}" if namespace else ""
    return f"give {denied['user']} a {scope} with {rule}; check: {ask}{place} --as {denied['user']}"
