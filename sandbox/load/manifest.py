"""The load of the workloads: the `Load` object beside a workload, as it is read from its manifest.

Demand is the whole workload's; sandbox/engine says what follows from it. Figures are whole millicores, bytes,
ppm and milliseconds.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base.durations import go_microseconds, seconds
from base.quantities import QuantityInvalid, asked_bytes, millicores
from forecasting.errors import BadTrace
from forecasting.recorded.cells import instant
from sandbox.api.errors import SandboxError
from sandbox.api.store import Json, Key, Transaction
from sandbox.load import series as recorded
from tools.cluster.objects import unix_ms
from tools.metrics.types import Metric

SCRAPE_MS = 15_000
"""How often metrics.k8s.io has a new sample; also the window that a sample covers."""

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
IDLE = (5, 32 << 20)
"""Millicores and bytes of a container that has nothing to do."""
IDLE_DISK = 16 << 20
"""Bytes that a file system uses in which nothing is."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """Spikes that nobody announced: `daily_milli`/1000 a day in the mean, each at least `size` ppm of the
    mean demand high with a Pareto tail of exponent `tail_milli`/1000, fading with time constant `length_s`."""

    daily_milli: int
    size: int
    length_s: int
    tail_milli: int


@dataclass(frozen=True, slots=True)
class Step:
    """Demand times `to` ppm from `at_ms` on, reached over `over_s` seconds, until `until_ms` (None: for good).
    Times are after the Load's creation where `relative`, else Unix."""

    at_ms: int
    to: int
    over_s: int
    until_ms: int | None
    relative: bool


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What is wrong with the metrics of one workload: `gaps` ppm of samples missing, samples `lag_s` seconds
    late, values off by up to `noise` ppm; for one metric, or for all (None)."""

    metric: Metric | None = None
    gaps: int = 0
    lag_s: int = 0
    noise: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """Demand of one workload: `cpu` mean millicores in all, shares in ppm, times of day in ms, `memory` bytes
    a pod, `per_core` bytes for each core that a pod uses, `leak` bytes an hour and pod, `startup_s` seconds from
    start to ready, `service_us` CPU microseconds a request (None: work that does not come as requests), `timeout_s`
    how long a request waits before it fails, `disk` bytes used of a new volume, `fills` bytes an hour and volume,
    `series` a recorded demand (packed), `created_ms` when it was made."""

    cpu: int | None = None
    swing: int = 0
    peak_ms: int = 14 * HOUR_MS
    noise: int = 0
    window: tuple[int, int] | None = None
    memory: int = IDLE[1]
    leak: int = 0
    startup_s: int = 20
    gaps: int = 0
    weekend: int = 1_000_000
    bursts: Bursts | None = None
    steps: tuple[Step, ...] = ()
    series: str | None = None
    service_us: int | None = None
    timeout_s: int = 10
    per_core: int = 0
    metrics: tuple[Disturbance, ...] = ()
    disk: int = IDLE_DISK
    fills: int = 0
    created_ms: int = 0


def load_of(txn: Transaction, key: Key) -> Load:
    """The Load aimed at a workload; without one it idles. Raises SandboxError where it cannot be read."""
    return txn.derived("loads", "load", _Loads).of(key)


class _Loads:
    """All Loads by workload, each read when it is asked for; of two at one workload the first by name counts."""

    def __init__(self, manifests: Sequence[Json]) -> None:
        self._manifests: dict[tuple[str, str], Json] = {}
        self._read: dict[tuple[str, str], Load] = {}
        for one in manifests:
            self._manifests.setdefault((one["metadata"]["namespace"], str(one["spec"].get("target"))), one)

    def of(self, key: Key) -> Load:
        at = (key.namespace, f"{key.kind}/{key.name}")
        if at not in self._read:
            self._read[at] = parse(self._manifests[at]) if at in self._manifests else Load()
        return self._read[at]


def parse(manifest: Json) -> Load:
    """A `Load` manifest. Raises SandboxError, naming the field."""
    where = f"Load {manifest['metadata']['name']}"
    spec = dict(manifest["spec"]) if isinstance(manifest.get("spec"), dict) else {}
    if not re.fullmatch(r"(deployment|statefulset)/[a-z0-9.-]+", str(spec.pop("target", ""))):
        raise SandboxError("spec.target must name a workload", where=where, hint="target: deployment/web")
    unknown = spec.keys() - FIELDS.keys()
    if unknown:
        raise SandboxError(f"spec.{min(unknown)} is unknown", where=where, hint="known: " + ", ".join(FIELDS))
    try:
        created = manifest["metadata"].get("creationTimestamp")
        values = {FIELDS[name][0]: FIELDS[name][1](value) for name, value in spec.items()}
        return Load(**values, created_ms=unix_ms(created) if created else 0)
    except (QuantityInvalid, ValueError, TypeError, KeyError, AttributeError) as e:
        raise SandboxError(f"a value of spec cannot be read: {e}", where=where) from e


def embedded(manifest: Json, folder: Path) -> Json:
    """The manifest with the CSV file that it names (`series.file`, beside the manifest) copied into it.

    Raises SandboxError where the file cannot be read.
    """
    spec = manifest.get("spec")
    series = spec.get("series") if isinstance(spec, dict) and manifest.get("kind") == "Load" else None
    if not isinstance(series, dict) or "file" not in series or "data" in series:
        return manifest
    packed = recorded.read(folder / str(series["file"]))
    return manifest | {"spec": {**manifest["spec"], "series": {**series, "data": packed}}}


def _ppm(text: Any) -> int:
    number, percent, _ = str(text).partition("%")
    if not percent or not 0 <= float(number) < 1e6:
        raise ValueError(f"`{text}` is not a percentage such as 5%")
    return round(float(number) * 10_000)


def _share(text: Any) -> int:
    value = _ppm(text)
    if value > 1_000_000:
        raise ValueError(f"`{text}` is more than 100%")
    return value


def _time_of_day(text: Any) -> int:
    found = re.fullmatch(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", str(text))
    if found is None:
        raise ValueError(f"`{text}` is not a time of day such as 14:00")
    return (int(found[1]) * 60 + int(found[2])) * 60_000


def _positive(read: Callable[[str], int]) -> Callable[[Any], int]:
    def amount(text: Any) -> int:
        value = read(str(text))
        if value < 0:
            raise ValueError(f"`{text}` is negative")
        return value

    return amount


def _window(text: Any) -> tuple[int, int]:
    start, end = str(text).split("-")
    return _time_of_day(start), _time_of_day(end)


def _known(block: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(block, dict) or not all(isinstance(name, str) for name in block):
        raise ValueError(f"`{block}` is not a mapping of {', '.join(names)}")
    if unknown := block.keys() - set(names):
        raise ValueError(f"`{min(unknown)}` is unknown, known: {', '.join(names)}")
    return block


def _bursts(block: Any) -> Bursts:
    given = _known(block, ("daily", "size", "length", "tail"))
    daily, tail = float(given["daily"]), float(given.get("tail", 1.5))
    if not 0 < daily <= 144 or not 1 < tail <= 100:
        raise ValueError("bursts come up to 144 times a day, with a tail above 1")
    length = seconds(str(given.get("length", "10m")))
    if not 1 <= length <= 6 * 3600:
        raise ValueError("a burst lasts 1s to 6h")
    return Bursts(round(daily * 1000), _ppm(given.get("size", "50%")), length, round(tail * 1000))


def _steps(block: Any) -> tuple[Step, ...]:
    if not isinstance(block, list):
        raise ValueError("steps are a list such as [{after: 2h, to: 300%}]")
    return tuple(_step(_known(one, ("at", "after", "to", "over", "for"))) for one in block)


def _step(given: dict[str, Any]) -> Step:
    if ("at" in given) == ("after" in given):
        raise ValueError("a step has `at` (a time) or `after` (a span), and not both")
    relative = "after" in given
    at_ms = seconds(str(given["after"])) * 1000 if relative else _instant_ms(given["at"])
    until = at_ms + seconds(str(given["for"])) * 1000 if "for" in given else None
    return Step(at_ms, _ppm(given["to"]), seconds(str(given.get("over", "0s"))), until, relative)


def _instant_ms(text: Any) -> int:
    """Without an offset it is UTC: a world is the same on every host."""
    try:
        return round(1000 * instant(str(text), "at")[0])
    except BadTrace as e:
        raise ValueError(e.what) from e


def _series(block: Any) -> str:
    given = _known(block, ("file", "data", "unit"))
    if "data" not in given:
        raise ValueError("a series is loaded from its `file` by: flyball sandbox load")
    return recorded.checked(str(given["data"]), _positive(millicores)(given.get("unit", "1m")))


def _micros(text: Any) -> int:
    found = go_microseconds(str(text))
    if found <= 0:
        raise ValueError(f"`{text}` is not a time of service such as 20ms")
    return found


def _disturbances(block: Any) -> tuple[Disturbance, ...]:
    if not isinstance(block, list):
        raise ValueError("metrics are a list such as [{metric: cpu_usage, gaps: 10%}]")
    return tuple(disturbance(one) for one in block)


def disturbance(block: Any) -> Disturbance:
    """What a manifest or a caller says is wrong with metrics. Raises ValueError."""
    given = _known(block, ("metric", "gaps", "lag", "noise"))
    return Disturbance(
        Metric(given["metric"]) if "metric" in given else None,
        _share(given.get("gaps", "0%")),
        seconds(str(given.get("lag", "0s"))),
        _share(given.get("noise", "0%")),
    )


FIELDS: Mapping[str, tuple[str, Any]] = {
    "cpu": ("cpu", _positive(millicores)),
    "swing": ("swing", _ppm),
    "peak": ("peak_ms", _time_of_day),
    "noise": ("noise", _ppm),
    "window": ("window", _window),
    "memory": ("memory", _positive(asked_bytes)),
    "leak": ("leak", _positive(asked_bytes)),
    "startup": ("startup_s", seconds),
    "gaps": ("gaps", _ppm),
    "weekend": ("weekend", _ppm),
    "bursts": ("bursts", _bursts),
    "steps": ("steps", _steps),
    "series": ("series", _series),
    "service": ("service_us", _micros),
    "timeout": ("timeout_s", _positive(seconds)),
    "memoryPerCore": ("per_core", _positive(asked_bytes)),
    "metrics": ("metrics", _disturbances),
    "disk": ("disk", _positive(asked_bytes)),
    "fills": ("fills", _positive(asked_bytes)),
}
