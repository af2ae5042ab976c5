"""`python -m tests.bench.fleet_server N`: a cluster of N workloads and its Prometheus, for `bench tuning_pass`.

Both answer over one port, as the real ones would be asked: lists page by page, single objects, and the fleet's and a
single workload's questions in PromQL, told by the series that they name. Demand is seeded, one of some shapes a
workload, and stays the same for a minute however often it is asked for.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.bench.fleet_demand import PODS, texts_of
from tests.bench.fleet_objects import Fleet, name_of, namespace_of
from tests.tools.metrics.fake_prometheus import answer, document

_PART = re.compile(r'"flyball", "([\w:]+)"')
_SERIES = (
    ("container_cpu_usage_seconds_total", "cpu"),
    ("container_memory_working_set_bytes", "memory"),
    ("_status_replicas_ready", "ready"),
)
_ONE = re.compile(r'(?:pod=~|deployment=)"(w\d{5})')


class Server:
    """Answers for `fleet`. At `/asked` it tells, and forgets, what it was asked of figures."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._asked: list[tuple[str, dict[str, str]]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                method, path = head.split(" ", 2)[:2]
                writer.write(self._answer(method, path, body.decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, body: str) -> bytes:
        at = urlsplit(path)
        if method == "POST" and at.path.startswith("/api/v1/query"):
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._asked.append((at.path, form))
            return answer(200, self._figures(at.path.endswith("_range"), form))
        if at.path == "/asked":
            told, self._asked = self._asked, []
            return answer(200, told)
        query = {name: values[0] for name, values in parse_qs(at.query).items()}
        found = self._fleet.at(unquote(at.path), query)
        if found is None:
            return answer(404, {"kind": "Status", "reason": "NotFound", "code": 404, "message": "not found"})
        return answer(200, found)

    def _figures(self, ranged: bool, form: Mapping[str, str]) -> bytes:
        query = form["query"]
        if "vector(time())" in query:
            now = self._fleet.now_s()
            value = {"metric": {"flyball": "value"}, "value": [now, str(now)]}
            return json.dumps(document("vector", [value])).encode()
        kind = next((name for series, name in _SERIES if series in query), "")
        if not kind or not ranged:
            return json.dumps(document("matrix" if ranged else "vector", [])).encode()
        grid = tuple(int(form[name]) for name in ("start", "end", "step"))
        series = b",".join(self._series(query, kind, grid))
        return b'{"status":"success","data":{"resultType":"matrix","result":[' + series + b"]}}"

    def _series(self, query: str, kind: str, grid: tuple[int, ...]) -> Iterator[bytes]:
        """Each part of each workload or pod that is asked about."""
        parts = [part for part in _PART.findall(query) if part in ("value", "measured", "expected", "first")]
        if alone := _ONE.search(query):
            number = int(alone[1][1:])
            for part in parts:
                yield _one({"flyball": part}, _points(part, kind, number, 1, grid))
            return
        names = [name for name in self._fleet.namespaces if re.search(rf"\b{name}\b", query)]
        for number in (n for name in names for n in self._fleet.within(name)):
            labels = {"namespace": namespace_of(number)}
            named = {"flyball": "value", **labels, "workload": name_of(number)}
            yield _one(named, _points("value", kind, number, 1, grid))


def _one(labels: dict[str, str], points: bytes) -> bytes:
    return b'{"metric":' + json.dumps(labels).encode() + b',"values":[' + points + b"]}"


def _points(part: str, kind: str, number: int, share: int, grid: tuple[int, ...]) -> bytes:
    if part == "first":
        return _constant(str(grid[0] - 86_400), grid)
    if part in ("measured", "expected"):
        return _constant(str(PODS // share), grid)
    return _values(kind, number % 64, share, grid)


@cache
def _constant(text: str, grid: tuple[int, ...]) -> bytes:
    start, end, step = grid
    return ",".join(f'[{at},"{text}"]' for at in range(start, end + 1, step)).encode()


@cache
def _values(kind: str, shape: int, share: int, grid: tuple[int, ...]) -> bytes:
    start, end, step = grid
    texts = texts_of(kind, shape, share)
    return ",".join(f'[{at},"{texts[at // 60 % len(texts)]}"]' for at in range(start, end + 1, step)).encode()


async def _main(count: int) -> None:
    server = Server(Fleet(count))
    listening: Any = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
