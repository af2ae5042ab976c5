"""A receiver of messages on a port of this machine: it keeps what arrives, and answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyball.notify.address import parse
from flyball.notify.receivers import Receiver
from flyball.notify.topics import TOPICS, Topic

SECRET = b"0123456789abcdef0123456789abcdef"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def status(code: int, *more: str) -> bytes:
    """An answer without a body."""
    head = [f"HTTP/1.1 {code} X", "Content-Length: 0", "Connection: close", *more]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


@dataclass
class Arrived:
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiving:
    """`answers` are given in turn, the last one for ever; `slow_s` is waited before each; `endless` never ends the
    body of its answer."""

    port: int = 0
    answers: list[bytes] = field(default_factory=lambda: [OK])
    slow_s: float = 0.0
    endless: bool = False
    arrived: list[Arrived] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [one.headers["x-flyball-id"] for one in self.arrived]

    def as_receiver(self, name: str = "here", **more: Any) -> Receiver:
        topics: frozenset[Topic] = frozenset(more.pop("topics", TOPICS))
        base: dict[str, Any] = {"kind": "webhook", "secret": SECRET}
        address = parse(f"http://127.0.0.1:{self.port}/hook/s3cr3t-path")
        return Receiver(name, address=address, topics=topics, **{**base, **more})

    def file(self, folder: Path, kind: str = "webhook") -> Path:
        """A settings file of receivers with this one in it."""
        (folder / "here.secret").write_bytes(SECRET + b"\n")
        path = folder / "notify.toml"
        path.write_text(
            f'[[receiver]]\nname = "here"\nkind = "{kind}"\nurl = "http://127.0.0.1:{self.port}/hook/s3cr3t-path"\n'
            'secret_file = "here.secret"\n'
        )
        return path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")[1:]
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.arrived.append(Arrived(headers, body))
            await asyncio.sleep(self.slow_s)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(answer)
            while self.endless:
                writer.write(b"x" * 65536)
                await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(**more: Any) -> AsyncIterator[Receiving]:
    """Open one; it is closed at the end."""
    one = Receiving(**more)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
