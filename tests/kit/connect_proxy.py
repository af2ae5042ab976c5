"""An HTTP proxy that makes tunnels (CONNECT, RFC 9110 9.3.6) to one port, whatever host it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """`lines` are the first lines of what it was asked."""

    to_port: int
    lines: list[str] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def up(self) -> AsyncIterator["ConnectProxy"]:
        """Listening on a free port of 127.0.0.1 for the length of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.lines.append(asked.partition("\r\n")[0])
        there, back = await asyncio.open_connection("127.0.0.1", self.to_port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with closing(writer), closing(back):
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass
