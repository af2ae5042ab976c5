"""Scenes for a real Prometheus: a namespace each, whose samples are written in one go."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real import assets, modules
from tests.real.exported import Cluster
from tests.real.written import Scrapes, Written

Build = Callable[[Cluster], None]


class Scenes(dict[str, Build]):
    """What builds each of them, by its name."""

    def scene(self, build: Build) -> Build:
        """Marks a function as the scene of its own name."""
        self[build.__name__.strip("_").replace("_", "-")] = build
        return build

    @contextmanager
    def written(self, folder: Path) -> Iterator[Written]:
        """A Prometheus over `folder` that holds all of them."""
        binary: Path = assets.locate(modules.METRICS_STORE)["prometheus"]
        written = Written(folder / "prometheus", binary)
        try:
            scrapes, now_ms = Scrapes(), time.time_ns() // 1_000_000
            for name, build in self.items():
                build(Cluster(scrapes, now_ms, name))
            written.write(scrapes)
            yield written
        finally:
            written.close()
