"""The server of health: what a stranger may send to it, and what must be so.

sends                                        gets
a GET                                        the answer, and the connection is closed
another method                               405
no request, too long a line, endless headers nothing, and the server goes on
nothing, for longer than ANSWER_S            nothing, and the place is free again
more connections than it takes               the further ones are closed unheard
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from flyball.exits import UsageError
from flyball.service import http_server
from flyball.service.address import Port, SocketFile, near, port_of
from flyball.service.http_server import Answer, ListenFailed, listening


async def echo(path: str) -> Answer:
    return Answer(HTTPStatus.OK, f"you asked for {path}")


def within(folder: Path, work: Callable[[Path], Awaitable[None]]) -> None:
    async def run() -> None:
        path = folder / "serve-1.sock"
        async with listening(SocketFile(path), echo):
            await work(path)
        assert not path.exists()

    asyncio.run(run())


async def said(path: Path, sent: bytes) -> bytes:
    with near(path) as name:
        reader, writer = await asyncio.open_unix_connection(name)
    writer.write(sent)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_a_get_is_answered_and_closed(tmp_path: Path) -> None:
    async def work(path: Path) -> None:
        answer = await said(path, b"GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close" in head
        assert body == b"you asked for /readyz"

    within(tmp_path, work)


def test_another_method_is_not_allowed(tmp_path: Path) -> None:
    async def work(path: Path) -> None:
        assert (await said(path, b"POST /readyz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")

    within(tmp_path, work)


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\xff\xfe\r\n\r\n", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000],
    ids=["tls", "long line", "many headers", "long header"],
)  # fmt: skip
def test_nonsense_gets_nothing_and_hurts_nobody(tmp_path: Path, sent: bytes) -> None:
    async def work(path: Path) -> None:
        assert await said(path, sent) == b""
        assert b"200 OK" in await said(path, b"GET / HTTP/1.1\r\n\r\n")

    within(tmp_path, work)


def test_who_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "ANSWER_S", 0.1)

    async def work(path: Path) -> None:
        assert await said(path, b"GET / HT") == b""

    within(tmp_path, work)


def test_more_connections_than_it_takes_are_closed_unheard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "ANSWER_S", 0.5)

    async def work(path: Path) -> None:
        with near(path) as name:
            held = [await asyncio.open_unix_connection(name) for _ in range(http_server._CONNECTIONS)]
        assert await said(path, b"GET / HTTP/1.1\r\n\r\n") == b""
        await asyncio.sleep(0.8)
        assert b"200 OK" in await said(path, b"GET / HTTP/1.1\r\n\r\n")
        for _, writer in held:
            writer.close()

    within(tmp_path, work)


def test_the_socket_is_its_users_alone_and_its_folder_may_have_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()

    async def work(path: Path) -> None:
        assert path.stat().st_mode & 0o777 == 0o600

    within(folder, work)


def test_a_port_that_is_taken_is_said() -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ListenFailed) as caught:
            async with listening(Port("127.0.0.1", port), echo):
                pass
        assert f"127.0.0.1:{port}" in caught.value.where
        server.close()

    asyncio.run(run())


def test_addresses() -> None:
    assert port_of("127.0.0.1:8080") == Port("127.0.0.1", 8080)
    assert port_of("[::1]:80") == Port("::1", 80)
    assert str(Port("::1", 80)) == "[::1]:80"
    for wrong in ("", "8080", ":8080", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:80", "a b:80"):
        with pytest.raises(UsageError):
            port_of(wrong)
