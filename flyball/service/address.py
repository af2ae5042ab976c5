"""Where a service listens: a socket in the folder of the log, for its user alone, and a TCP port if one is given."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flyball.exits import UsageError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SOCKETS = "serve-*.sock"
"""The sockets of the services in a folder, each named by its process."""
_FILES = Path("/proc/self/fd")


class Address(Protocol):
    """Something to listen on."""

    async def start(self, serve: Serve, limit: int) -> asyncio.Server:
        """Listen; lines longer than `limit` bytes are refused. Raises OSError."""

    def gone(self) -> None:
        """Called when nobody listens any more."""


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port of this host."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def start(self, serve: Serve, limit: int) -> asyncio.Server:
        return await asyncio.start_server(serve, self.host, self.port, limit=limit)

    def gone(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A Unix socket that only this user can reach."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    async def start(self, serve: Serve, limit: int) -> asyncio.Server:
        with near(self.path) as path:
            server = await asyncio.start_unix_server(serve, path, limit=limit)
            os.chmod(path, 0o600)
            return server

    def gone(self) -> None:
        with suppress(OSError):
            self.path.unlink()


def port_of(text: str) -> Port:
    """`127.0.0.1:8080` or `[::1]:8080`; the host is named, so that nobody listens to a network by accident. Raises
    UsageError."""
    found = re.fullmatch(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[-.A-Za-z0-9]+)):(?P<port>[0-9]{1,5})", text)
    if found is None or not 0 < int(found["port"]) < 65_536:
        raise UsageError(
            f"`{text[:80]}` is no address", where="--listen", hint="HOST:PORT, e.g. 127.0.0.1:8080"
        )
    return Port(found["six"] or found["four"], int(found["port"]))


@contextmanager
def near(path: Path) -> Iterator[str]:
    """A name of the path that fits into the 107 bytes that a socket's name may have, however long its folder's is."""
    if not _FILES.is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(_FILES / str(folder) / path.name)
    finally:
        os.close(folder)
