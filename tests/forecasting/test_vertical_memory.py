"""Memory: grows alone, shrinks with approval only, keeps above the JVM's floor, learns from kills and stops."""

import numpy as np
import pytest

from forecasting.vertical.jvm import Jvm, floor, parse
from forecasting.vertical.memory import advise
from forecasting.vertical.types import DAY_S, Memory, MemoryAdvice, OomKill, Verdict

MIB = 1 << 20
HOUR = 3600


def _used(days: float, mib: float, *, gap: slice | None = None) -> np.ndarray:
    values = np.full(int(days * 24), float(mib * MIB))
    if gap is not None:
        values[gap] = np.nan
    return values


def _advice(values: np.ndarray, limit: int, kills: tuple[OomKill, ...] = (), jvm: int = 0) -> MemoryAdvice:
    return advise(Memory(values, limit * MIB, 0, HOUR, kills, jvm * MIB))


@pytest.mark.parametrize(
    ("values", "limit", "verdict", "mib", "approval"),
    [
        (_used(10, 500), 500, "grow", 600, False),
        (_used(1, 500), 500, "grow", 650, False),
        (_used(10, 500), 620, "keep", 620, False),
        (_used(10, 500), 2000, "shrink", 600, True),
        (_used(6, 500), 2000, "keep", 2000, False),
        (_used(10, 500, gap=slice(24, 200)), 2000, "keep", 2000, False),
        (_used(10, 500, gap=slice(-5, None)), 2000, "keep", 2000, False),
        (_used(10, 500, gap=slice(-5, None)), 400, "grow", 600, False),
        (_used(3, 0, gap=slice(0, None)), 700, "unknown", 700, False),
        (_used(10, 0), 700, "shrink", 0, True),
    ],
    ids=["too-little", "new", "enough", "too-much", "six-days", "days-missing", "last-hours-missing",
         "grows-although-missing", "never-measured", "all-zeros"],
)  # fmt: skip
def test_grows_alone_and_shrinks_by_approval(
    values: np.ndarray, limit: int, verdict: Verdict, mib: int, approval: bool
) -> None:
    found = _advice(values, limit)
    if not np.nansum(values):  # nothing used is no need: nothing to shrink to
        assert found.limit == limit * MIB
        assert found.verdict in ("unknown", "keep")
        return
    assert (found.verdict, round(found.limit / MIB), found.needs_approval) == (verdict, mib, approval)


def test_headroom_is_as_much_as_a_day_ever_rose() -> None:
    values = np.repeat([500.0, 500, 500, 700, 700, 700, 700, 700], 24) * MIB
    assert _advice(values, 750).limit == pytest.approx(700 * 1.4 * MIB, rel=1e-6)


def test_never_under_the_jvms_floor() -> None:
    assert _advice(_used(10, 500), 2000, jvm=1280).limit == 1280 * MIB
    assert _advice(_used(10, 500), 1000, jvm=1280) == MemoryAdvice("grow", 1280 * MIB, "its JVM needs 1.2Gi")


def _kills(*limits: int) -> tuple[OomKill, ...]:
    return tuple(OomKill(9 * DAY_S + i * HOUR, limit * MIB) for i, limit in enumerate(limits))


@pytest.mark.parametrize(
    ("limits", "now", "verdict", "mib"),
    [
        ((200,), 200, "grow", 300),
        ((1000,), 1000, "grow", 1200),
        ((1000, 1000), 1000, "grow", 1200),
        ((1000, 1200), 1200, "grow", 1800),
        ((1000, 1200, 1800), 1800, "grow", 3600),
        ((1000, 1200, 1800, 3600), 3600, "leak", 3600),
        ((1000,), 1500, "keep", 1500),
    ],
)
def test_learns_from_kills_until_raising_does_not_help(
    limits: tuple[int, ...], now: int, verdict: Verdict, mib: int
) -> None:
    found = _advice(_used(10, 100), now, _kills(*limits))
    assert (found.verdict, round(found.limit / MIB)) == (verdict, mib)
    assert ("leaks" in found.why) is (verdict == "leak")


def test_a_killed_workload_is_not_shrunk_until_the_window_is_over() -> None:
    assert _advice(_used(10, 100), 1500, _kills(1000)).verdict == "keep"
    old = (OomKill(DAY_S, 100 * MIB),)
    assert _advice(_used(20, 100), 1500, old).verdict == "shrink"


def test_kills_of_the_future_and_out_of_order() -> None:
    later = (OomKill(99 * DAY_S, 1000 * MIB),)
    assert _advice(_used(10, 500), 600, later).verdict == "keep"
    assert _advice(_used(10, 100), 1200, _kills(1000, 1200)[::-1]).limit == 1800 * MIB


def test_a_leak_is_stopped_and_an_undersized_workload_is_not() -> None:
    """Both start at 400 MiB; one uses all it gets within the day, the other needs 1,200 MiB."""
    for leak, verdict in ((True, "leak"), (False, "keep")):
        limit, kills = 400 * MIB, list[OomKill]()
        found = None
        for n in range(8):
            if leak or limit < 1200 * MIB:
                kills.append(OomKill(9 * DAY_S + n * HOUR, limit))
            found = advise(Memory(_used(10, 300), limit, 0, HOUR, tuple(kills)))
            limit = found.limit
        assert found is not None
        assert found.verdict == verdict
        assert limit <= 400 * 4 * MIB


@pytest.mark.parametrize(
    ("args", "env", "found"),
    [
        (["java", "-Xmx512m", "-jar", "a.jar"], {}, Jvm(512 * MIB, None, 0)),
        (["java", "-Xmx2g"], {"JAVA_TOOL_OPTIONS": "-Xmx1g"}, Jvm(2048 * MIB, None, 0)),
        (["java", "-Xmx2g"], {"_JAVA_OPTIONS": "-Xmx1G"}, Jvm(1024 * MIB, None, 0)),
        (["java", "-Xmx1g", "-Xmx3g"], {}, Jvm(3072 * MIB, None, 0)),
        (["sh", "-c", "exec java -XX:MaxHeapSize=1g -jar a.jar"], {}, Jvm(1024 * MIB, None, 0)),
        (["java"], {"JAVA_OPTS": "-XX:MaxRAMPercentage=75.0"}, Jvm(None, 75.0, 0)),
        (["java", "-Xmx1g", "-XX:MaxRAMPercentage=75"], {}, Jvm(1024 * MIB, None, 0)),
        (["java", "-Xmx1073741824", "-XX:MaxDirectMemorySize=1g"], {}, Jvm(1024 * MIB, None, 1024 * MIB)),
        (["java", "-Xmxlots"], {}, None),
        (["java", "-XX:MaxRAMPercentage=0"], {}, None),
        (["java", "-XX:MaxRAMPercentage=nan"], {}, None),
        (["python", "app.py"], {"PATH": "/bin"}, None),
        (["java", "-Dx='open"], {"JAVA_OPTS": "-Xmx64m 'open"}, Jvm(64 * MIB, None, 0)),
    ],
)
def test_jvm_options(args: list[str], env: dict[str, str], found: Jvm | None) -> None:
    assert parse(args, env) == found


@pytest.mark.parametrize(
    ("jvm", "peak", "least"),
    [
        (None, 900, 0),
        (Jvm(1024 * MIB, None, 0), 10, 1280),
        (Jvm(256 * MIB, None, 0), 10, 384),
        (Jvm(1024 * MIB, None, 1024 * MIB), 10, 2048),
        (Jvm(None, 50.0, 0), 600, 1200),
    ],
)
def test_jvm_floor(jvm: Jvm | None, peak: int, least: int) -> None:
    assert floor(jvm, peak * MIB) == least * MIB


def _fleet(seed: int, count: int = 60) -> list[np.ndarray]:
    """Working sets of 28 days by the hour: a level, days, a slow drift, now and then a peak."""
    rng = np.random.default_rng(seed)
    hours = np.arange(28 * 24)
    fleet = []
    for _ in range(count):
        level, drift = rng.uniform(100, 2000), rng.uniform(-0.1, 0.4)
        shape = 1 + 0.1 * np.sin(2 * np.pi * hours / 24) + drift * hours / len(hours)
        spikes = np.where(rng.random(len(hours)) < 0.002, rng.uniform(1.0, 1.35, len(hours)), 1.0)
        fleet.append(level * shape * spikes * rng.normal(1, 0.02, len(hours)) * MIB)
    return fleet


def test_fewer_kills_than_krr_on_drifting_workloads() -> None:
    """Each limit is set from the first fourteen days; then it grows day by day, as it would by itself."""
    from forecasting.vertical import krr

    ours = theirs = 0
    for used in _fleet(7):
        limit, static = int(used[:336].max()), krr.memory(used[:336])
        assert static is not None
        theirs += bool((used[336:] > static).any())
        killed = False
        for day in range(14, 28):
            limit = max(limit, advise(Memory(used[: day * 24], limit, 0, HOUR)).limit)
            killed |= bool((used[day * 24 : day * 24 + 24] > limit).any())
        ours += killed
    assert ours <= theirs * 0.6
