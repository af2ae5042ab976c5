"""A proxy on the way to the apiserver that holds one write back until it is told to let it go."""

import http.client
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.real.rest import Rest

_KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{{name: real, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: proxied, user: {{}}}}]
contexts: [{{name: real, context: {{cluster: real, user: proxied}}}}]
current-context: real
"""
_HOP_BY_HOP = ("host", "connection", "content-length", "transfer-encoding")


class HoldingProxy:
    """Speaks plain HTTP on 127.0.0.1 and passes everything on as the administrator.

    `held` is set when the PATCH has come that is to be held (the first, or the one of that number; dry runs
    do not count); it goes on, its client alive or not, when `go` is set; `late` is then the status that the
    apiserver gave.
    """

    def __init__(self, upstream: Rest, number: int = 1) -> None:
        self.held, self.go, self.arrived = threading.Event(), threading.Event(), threading.Event()
        self.late = 0
        self._host, self._tls = upstream._host, upstream._tls
        self._writes = itertools.count(1)
        self._number = number
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def kubeconfig(self, path: Path) -> Path:
        path.write_text(_KUBECONFIG.format(port=self._server.server_port))
        return path

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._pass_on(hold=False)

            def do_PATCH(self) -> None:
                self._pass_on(hold="dryRun=" not in self.path and next(proxy._writes) == proxy._number)

            def _pass_on(self, hold: bool) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if hold:
                    proxy.held.set()
                    proxy.go.wait()
                status, kind, answer = proxy._ask(self, body)
                if hold:
                    proxy.late = status
                    proxy.arrived.set()
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        return Handler

    def _ask(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, str, bytes]:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        upstream = http.client.HTTPSConnection(self._host, context=self._tls, timeout=30)
        try:
            upstream.request(request.command, request.path, body or None, headers)
            response = upstream.getresponse()
            return response.status, response.getheader("Content-Type", "application/json"), response.read()
        finally:
            upstream.close()
