"""A local HTTP server that answers as it is told, and counts what reached it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from audit.clock import SystemClock
from tests.real.pki import Authority
from tools.cluster.api import Api
from tools.cluster.client import from_kubeconfig
from tools.cluster.kubeconfig import read

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeServer:
    """`respond` makes each answer; `seen` holds method and path of every request that arrived, `lines` its
    header lines, of which a name may come twice."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.lines: list[list[tuple[str, str]]] = []
        self.respond: Respond = answering(200, {})
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.seen.append(f"{request.method} {request.path_qs}")
        self.headers.append(dict(request.headers))
        self.lines.append(list(request.headers.items()))
        return await self.respond(request)


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeServer]:
    """Up on a free port of 127.0.0.1 for the length of the block."""
    fake = FakeServer()
    runner = web.ServerRunner(web.Server(fake.handle, handler_cancellation=True), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    fake.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield fake
    finally:
        await runner.cleanup()


@asynccontextmanager
async def signing(folder: Path, user: str) -> AsyncIterator[tuple[FakeServer, Path]]:
    """The server over TLS, where credentials are sent, and the kubeconfig of a `user` that trusts it."""
    authority = Authority(folder / "pki")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.server("server"))
    async with serving(tls) as fake:
        trust = f", certificate-authority: '{authority.ca}'"
        yield fake, kubeconfig(folder, f"https://127.0.0.1:{fake.port}", user, trust)


def answering(http: int, body: Any, **headers: str) -> Respond:
    """Always this: a dict goes out as JSON, a str as plain text."""

    async def respond(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=http, text=text, headers=headers)

    return respond


def status(http: int, reason: str, message: str = "because", **details: Any) -> dict[str, Any]:
    """An apiserver's Status."""
    return {"kind": "Status", "reason": reason, "message": message, "code": http, "details": details}


async def hanging(_: web.Request) -> web.StreamResponse:
    """Takes the request and never answers."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def dropping(request: web.Request) -> web.StreamResponse:
    """Takes the request and resets the connection."""
    assert request.transport is not None
    request.transport.abort()
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def kubeconfig(folder: Path, server: str, user: str = "token: t-1", cluster: str = "") -> Path:
    """A kubeconfig of one context, `here`."""
    path = folder / "config"
    path.write_text(
        f"apiVersion: v1\nkind: Config\ncurrent-context: here\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'{cluster}}}}}]\n"
        f"users: [{{name: u, user: {{{user}}}}}]\n"
        f"contexts: [{{name: here, context: {{cluster: c, user: u}}}}]\n"
    )
    return path


@asynccontextmanager
async def api_of(config: Path, deadline_s: float = 10) -> AsyncIterator[Api]:
    """The transport for that kubeconfig's current context."""
    api = Api(await from_kubeconfig(read([config]), "here", SystemClock()), deadline_s)
    try:
        yield api
    finally:
        await api.close()
