"""A Prometheus that is told what it has measured and how to fail: raw asyncio, so that it can break the protocol.

It holds one figure over time and how many pods it covers, has a clock of its own, and answers instant and range
queries as the HTTP API does: with the last sample of five minutes, up to 11,000 points, and only the parts that
the query asks for.
"""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

LOOKBACK_MS = 300_000
_PART = re.compile(r'"flyball", "([\w:]+)"')


@dataclass
class Asked:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class FakePrometheus:
    """`samples` are (Unix ms, text) of the figure. `fault` makes the answer's bytes instead, `hold` never answers.
    `extra` adds fields to each document; `labels` makes a second series of the figure. Its series are of `clusters`,
    and those named in `lacks` are not there; `exported` names those that bear the scrape's labels."""

    now_ms: int
    samples: list[tuple[int, str]] = field(default_factory=list)
    measured: str | None = "4"
    expected: str | None = "4"
    fault: Callable[[Asked], bytes] | None = None
    hold: bool = False
    extra: dict[str, object] = field(default_factory=dict)
    labels: dict[str, str] | None = None
    clusters: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()
    seen: list[Asked] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    def grow(self, start_ms: int, end_ms: int, step_s: int, value: Callable[[int], str]) -> None:
        """Samples at each step, numbered."""
        times = range(start_ms, end_ms + 1, step_s * 1000)
        self.samples += [(at_ms, value(index)) for index, at_ms in enumerate(times)]

    @asynccontextmanager
    async def up(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["FakePrometheus"]:
        """Listening on a port of 127.0.0.1; the second time on the same one."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await _read(reader)
                self.seen.append(asked)
                if self.hold:
                    await asyncio.Event().wait()
                for piece in _pieces(self.fault(asked) if self.fault else self._answer(asked)):
                    writer.write(piece)
                    await writer.drain()
                    self.sent += len(piece)
                if self.fault:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, asked: Asked) -> bytes:
        parts = set(_PART.findall(asked.form["query"]))
        if "vector(time())" in asked.form["query"]:
            return answer(
                200, document("vector", [_one("value", [self.now_ms / 1000, str(self.now_ms / 1000)])])
            )
        if asked.line.startswith("POST /api/v1/query_range "):
            return self._ranged(asked.form, parts)
        if asked.line.startswith("POST /api/v1/query "):
            at = self.now_ms / 1000
            if parts == {"clusters"}:
                named = [_one("clusters", [at, "3"], cluster=name) for name in self.clusters]
                return answer(200, document("vector", named))
            found = {name: text for name, text in self._at(self.now_ms).items() if name in parts}
            found |= {part: "1" for part in parts if self._is_there(part)}
            result = [_one(name, [at, text]) for name, text in found.items()]
            if self.labels and "value" in found:
                result.append(_one("value", [at, found["value"]], **self.labels))
            return answer(200, document("vector", result) | self.extra)
        return answer(404, "404 page not found", kind="text/plain; charset=utf-8")

    def _is_there(self, part: str) -> bool:
        kind, _, name = part.partition(":")
        return (kind == "there" and name not in self.lacks) or (kind == "exported" and name in self.exported)

    def _ranged(self, form: dict[str, str], parts: set[str]) -> bytes:
        start, end, step = (int(form[name]) for name in ("start", "end", "step"))
        if (end - start) // step > 11_000:
            return answer(
                400, failure("bad_data", "exceeded maximum resolution of 11,000 points per timeseries.")
            )
        found: dict[str, list[list[object]]] = {}
        for at in range(start, end + 1, step):
            for name, text in self._at(at * 1000).items():
                if name in parts:
                    found.setdefault(name, []).append([at, text])
        result = [{"metric": {"flyball": name}, "values": pairs} for name, pairs in found.items()]
        return answer(200, document("matrix", result) | self.extra)

    def _at(self, at_ms: int) -> dict[str, str]:
        seen = [(t, text) for t, text in self.samples if at_ms - LOOKBACK_MS < t <= at_ms]
        ahead = [t for t, _ in self.samples if at_ms < t <= at_ms + LOOKBACK_MS]
        parts = {"measured": self.measured, "expected": self.expected}
        found = {name: text for name, text in parts.items() if text is not None}
        if len(self.clusters) > 1:
            found["clusters"] = str(len(self.clusters))
        if seen:
            found |= {"value": seen[-1][1], "newest": str(max(ahead, default=seen[-1][0]) / 1000)}
        return found


def document(kind: str, result: Sequence[object]) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def failure(kind: str, text: str) -> dict[str, object]:
    return {"status": "error", "errorType": kind, "error": text}


def answer(http: int, body: object, kind: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {http} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


def _one(part: str, pair: list[object], **labels: str) -> dict[str, object]:
    return {"metric": {"flyball": part, **labels}, "value": pair}


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + 65_536] for at in range(0, len(data), 65_536)] or [b""]


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(line, headers, {name: values[0] for name, values in parse_qs(body.decode()).items()})
