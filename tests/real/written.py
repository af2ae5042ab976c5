"""A Prometheus that scrapes nothing: it is written to (remote write 1.0), so that a test says each sample's time.

`Scrapes` says what was stored at which times; where a target drops a series, a scrape leaves a staleness marker.
"""

import http.client
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tests.real.processes import Processes, free_ports

STALE = 0x7FF0000000000002
"""The NaN that ends a series (model/value/value.go)."""
Labels = Mapping[str, str]


@dataclass
class Scrapes:
    """Samples by series: (Unix ms, value), None for a staleness marker."""

    series: dict[tuple[tuple[str, str], ...], list[tuple[int, float | None]]] = field(default_factory=dict)

    def put(
        self, name: str, labels: Labels, times: list[int], value: Callable[[int], float | None] | float
    ) -> None:
        """At each of the times the target was scraped and had that value (None: not this series any more)."""
        key = tuple(sorted({"__name__": name, **labels}.items()))
        told = [(at, value(at) if callable(value) else value) for at in times]
        kept = self.series.setdefault(key, [])
        for (at, now), (_, before) in zip(told, [(0, None), *told[:-1]], strict=True):
            if now is not None or before is not None:
                kept.append((at, now))


class Written:
    """One such Prometheus. It dies with this process."""

    def __init__(self, folder: Path, binary: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "prometheus.yml").write_text("storage: {tsdb: {out_of_order_time_window: 6h}}\n")
        self._processes = Processes(folder / "log")
        (self.port,) = free_ports(1)
        words = [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
        ]
        self._processes.run("prometheus", str(binary), *words)
        self._processes.wait("prometheus", lambda: _ask(self.port, "GET", "/-/ready", b"")[0] == 200)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, scrapes: Scrapes) -> None:
        """All of it, stored when this returns."""
        write(self.port, scrapes)

    def close(self) -> None:
        self._processes.end_all()


def write(port: int, scrapes: Scrapes) -> None:
    """All of it to the Prometheus on this port of this machine, stored when this returns."""
    status, said = _ask(port, "POST", "/api/v1/write", _snappy(_request(scrapes)))
    assert status == 204, said


def _ask(port: int, method: str, path: str, body: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    with closing(connection):
        connection.request(method, path, body, headers if body else {})
        answer = cast(Any, connection.getresponse())
        return answer.status, answer.read().decode()


def _request(scrapes: Scrapes) -> bytes:
    """WriteRequest of prompb/remote.proto."""
    return b"".join(_field(1, b"".join(_series(key, of))) for key, of in scrapes.series.items() if of)


def _series(key: tuple[tuple[str, str], ...], samples: list[tuple[int, float | None]]) -> Iterator[bytes]:
    for name, value in key:
        yield _field(1, _field(1, name.encode()) + _field(2, value.encode()))
    for at_ms, value in samples:
        bits = struct.pack("<Q", STALE) if value is None else struct.pack("<d", value)
        yield _field(2, b"\x09" + bits + b"\x10" + _varint(at_ms))


def _field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _snappy(data: bytes) -> bytes:
    """Snappy's block format with literals only: nothing is compressed."""
    pieces = [data[at : at + 65_536] for at in range(0, len(data), 65_536)]
    literals = (b"\xf4" + struct.pack("<H", len(piece) - 1) + piece for piece in pieces)
    return _varint(len(data)) + b"".join(literals)
