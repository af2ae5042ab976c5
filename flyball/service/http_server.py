"""A small HTTP/1.1 server for GETs without a body: one answer a connection, bounded in time and size."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from base.errors import FlyballError
from flyball.service.address import Address

ANSWER_S = 10.0
"""How long a connection may take from its first byte to its last one."""
_LINE_BYTES = 8192
_HEADERS = 100
_CONNECTIONS = 32


class ListenFailed(FlyballError):
    """The address cannot be listened on."""

    effect = "usage"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GET is answered with."""

    status: HTTPStatus
    body: str
    kind: str = "text/plain; charset=utf-8"


Answers = Callable[[str], Awaitable[Answer]]
"""From the path of a GET to its answer."""


@asynccontextmanager
async def listening(address: Address, answers: Answers) -> AsyncIterator[None]:
    """Answer at the address until the block ends. Raises ListenFailed."""
    front = _Front(answers)
    try:
        server = await address.start(front.serve, _LINE_BYTES)
    except OSError as e:
        raise ListenFailed(
            f"cannot listen: {e.strerror or e}", where=str(address), hint="give another --listen"
        ) from e
    try:
        yield
    finally:
        server.close()
        address.gone()


class _Front:
    """The connections of one server; those beyond the bound are closed unheard."""

    def __init__(self, answers: Answers) -> None:
        self._answers, self._open = answers, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _CONNECTIONS:
                async with asyncio.timeout(ANSWER_S):
                    await _reply(writer, await self._answered(await _request_line(reader)))
        except (OSError, ValueError, EOFError):  # TimeoutError is an OSError; a line too long a ValueError
            pass
        finally:
            self._open -= 1
            with suppress(OSError):
                writer.close()

    async def _answered(self, line: str) -> Answer:
        method, _, rest = line.partition(" ")
        if method != "GET":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, "only GET\n")
        return await self._answers(rest.partition(" ")[0].partition("?")[0])


async def _request_line(reader: asyncio.StreamReader) -> str:
    """The first line, once the head is whole. Raises ValueError and EOFError for what is no request."""
    line = (await reader.readline()).decode("ascii")
    for _ in range(_HEADERS):
        header = await reader.readline()
        if header in (b"\r\n", b"\n"):
            return line.strip()
        if not header:
            raise EOFError
    raise ValueError("too many headers")


async def _reply(writer: asyncio.StreamWriter, answer: Answer) -> None:
    body = answer.body.encode()
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode("ascii") + body)
    await writer.drain()
