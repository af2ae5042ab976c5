"""A Prometheus asked at another instant: it forwards to a real one, and an instant query that names no time gets the
test's. So a test whose clock stands elsewhere asks a server whose clock agrees."""

import http.client
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlencode


class AsOf:
    """Serves until it is closed; `at_s` is its now (Unix seconds)."""

    def __init__(self, port: int) -> None:
        self.at_s = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, body = _forwarded(port, self.path, outer._timed(self.path, form))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _timed(self, path: str, form: str) -> str:
        fields = parse_qs(form, keep_blank_values=True)
        if path == "/api/v1/query" and "time" not in fields:
            fields["time"] = [str(self.at_s)]
        return urlencode(fields, doseq=True)


def _forwarded(port: int, path: str, form: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with closing(connection):
        connection.request("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = cast(Any, connection.getresponse())
        return answer.status, answer.read()
