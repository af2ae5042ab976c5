"""What the services of a state folder say of themselves, over their sockets."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from flyball.service.address import SOCKETS, near

Page = Literal["/status", "/standing"]
"""`/status` asks log and cluster first, and tells what is missing; `/standing` answers at once, or not at all."""
_WITHIN_S: dict[Page, float] = {"/status": 8.0, "/standing": 1.0}
_MAX_BYTES = 1_000_000


async def services(folder: Path, cluster: str, page: Page = "/status") -> list[dict[str, Any]]:
    """Each service that answers and works on that cluster, the active one first."""
    said = await asyncio.gather(*(_said(path, page) for path in _sockets(folder)))
    here = [one for one in said if one is not None and one.get("cluster") == cluster]
    return sorted(here, key=lambda one: (one["role"] != "active", one["pid"]))


async def clear_dead(folder: Path) -> None:
    """Remove the sockets of processes that were killed: nobody listens behind them."""
    for path in _sockets(folder):
        try:
            _, writer = await _connected(path)
            writer.close()
        except ConnectionRefusedError:
            with suppress(OSError):
                path.unlink()
        except OSError:
            continue


def _sockets(folder: Path) -> list[Path]:
    return sorted(folder.glob(SOCKETS))


async def _said(path: Path, page: Page) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(_WITHIN_S[page]):
            reader, writer = await _connected(path)
            writer.write(f"GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            found = await reader.read(_MAX_BYTES)
            while more := await reader.read(_MAX_BYTES):
                found += more
            writer.close()
        answer = json.loads(found.partition(b"\r\n\r\n")[2])
    except (OSError, ValueError):  # nobody there, no answer in time, or not ours
        return None
    return answer if isinstance(answer, dict) and {"role", "pid", "duties"} <= answer.keys() else None


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    with near(path) as name:
        return await asyncio.open_unix_connection(name)
