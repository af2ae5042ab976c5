"""A small blocking client for test set-up: plain JSON by the standard library, apart from what is tested."""

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from ruamel.yaml import YAML

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Refused(Exception):
    """The apiserver said no; `http` is the code, `body` its Status."""

    def __init__(self, http: int, body: Json) -> None:
        super().__init__(f"{http} {body.get('reason')}: {body.get('message')}")
        self.http, self.body = http, body


class Rest:
    """One apiserver as one user; a connection a thread."""

    def __init__(self, kubeconfig: Path, timeout: float = 30) -> None:
        document = YAML(typ="safe", pure=True).load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        self.server, self.authority = cluster["server"], Path(cluster["certificate-authority"])
        self._host = self.server.removeprefix("https://")
        self._tls = ssl.create_default_context(cafile=self.authority)
        if "client-certificate" in user:
            self._tls.load_cert_chain(user["client-certificate"], user["client-key"])
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._timeout, self._own = timeout, threading.local()

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", **query: str
    ) -> Json:
        """The JSON answer. Raises Refused; a GET or a dropped idle connection is tried once more."""
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body)
        headers = self._headers | ({"Content-Type": kind} if body is not None else {})
        try:
            response = self._ask(method, target, data, headers)
        except (
            http.client.RemoteDisconnected,
            BrokenPipeError,
            ConnectionResetError,
            http.client.CannotSendRequest,
            ssl.SSLEOFError,
        ):
            self._own.connection.close()
            response = self._ask(method, target, data, headers)
        raw = response.read()
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = {"message": raw.decode("utf-8", "replace")}
        if response.status >= 300:
            raise Refused(response.status, answer)
        return cast(Json, answer)

    def get(self, path: str, **query: str) -> Json:
        return self.call("GET", path, **query)

    def post(self, path: str, body: Json) -> Json:
        return self.call("POST", path, body)

    def merge(self, path: str, body: Json, **query: str) -> Json:
        """A JSON merge patch."""
        return self.call("PATCH", path, body, MERGE, **query)

    def apply(self, path: str, body: Json, manager: str = "test-setup") -> Json:
        """A forced server-side apply: creates the object or brings it in line."""
        return self.call("PATCH", path, body, APPLY, fieldManager=manager, force="true")

    def delete(self, path: str, **options: Any) -> Json:
        return self.call("DELETE", path, options or None)

    def watch(self, path: str, version: str, seconds: int = 30) -> Iterator[Json]:
        """Events from `version` on, on a connection of its own, until the server ends it."""
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=seconds + 5)
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        try:
            connection.request("GET", f"{path}?{urlencode(query)}", headers=self._headers)
            response = connection.getresponse()
            while line := response.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def _ask(
        self, method: str, target: str, data: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPSConnection(
                self._host, context=self._tls, timeout=self._timeout
            )
        self._own.connection.request(method, target, body=data, headers=headers)
        return cast(http.client.HTTPResponse, self._own.connection.getresponse())
