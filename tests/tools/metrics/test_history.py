"""The store of series: what goes in comes out, in few bytes, for several processes, through kills and damage."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.effort import examples
from tests.tools.metrics.kit import NOW
from tools.metrics.history import APPLICATION, SLOT, HistoryStore, HistoryUnavailable
from tools.metrics.packing import Damaged, Line, Point, pack, unpack
from tools.metrics.types import Span

MIN = 60_000
DAY = 86_400_000
values = st.none() | st.integers(0, 2**53)
points: st.SearchStrategy[list[Point]] = st.lists(values | st.just("?"), max_size=200)


def span(first: int, count: int, step_s: int = 60) -> Span:
    """`count` points from NOW on, moved by `first` steps."""
    start = NOW + first * step_s * 1000
    return Span(start, start + (count - 1) * step_s * 1000, step_s)


def kept(store: HistoryStore, key: str, where: Span) -> list[Point]:
    return store.read(key, where)[0].told()


@given(points)
def test_a_chunk_unpacks_to_what_was_packed(chunk: list[Point]) -> None:
    assert unpack(pack(Line.of(chunk)), len(chunk)).told() == chunk


@given(points, st.data())
def test_a_damaged_chunk_is_told_or_read_right(chunk: list[Point], data: st.DataObject) -> None:
    """Never another series: zlib's checksum covers all but the two bytes before it."""
    packed = bytearray(pack(Line.of(chunk)))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    with suppress(Damaged):
        assert unpack(bytes(packed), len(chunk)).told() == chunk


@given(points, st.integers(0, 400))
def test_a_cut_chunk_is_told(chunk: list[Point], length: int) -> None:
    packed = pack(Line.of(chunk))
    if length < len(packed):
        with pytest.raises(Damaged):
            unpack(packed[:length], len(chunk))


writes = st.lists(
    st.tuples(st.integers(-SLOT, SLOT), st.lists(values, min_size=1, max_size=300)), min_size=1, max_size=5
)


@examples(40)
@given(writes)
def test_a_store_is_a_map_in_which_gaps_do_not_replace_values(
    done: list[tuple[int, list[int | None]]],
) -> None:
    import tempfile

    model: dict[int, int | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = HistoryStore(Path(folder) / "metrics.db")
        for first, run in done:
            store.write("k", span(first, len(run)), run, NOW)
            for index, value in enumerate(run, first):
                if value is not None or index not in model:
                    model[index] = value
        whole = span(-SLOT, 3 * SLOT)
        expected = [model.get(index, "?") for index in range(-SLOT, 2 * SLOT)]
        assert kept(store, "k", whole) == expected
        assert kept(store, "other", whole) == ["?"] * (3 * SLOT)
        store.close()


@pytest.mark.parametrize(("noise", "most"), [(20, 2.0), (2_000_000, 5.0)])
def test_bytes_per_sample(tmp_path: Path, noise: int, most: float) -> None:
    """A week of noisy figures at one a minute, CPU in millicores and memory in bytes, the file included:
    docs/metrics.md says what they cost."""
    chance = random.Random(7)
    store = HistoryStore(tmp_path / "metrics.db")
    week, keys = 7 * 1440, 12
    for key in range(keys):
        figures: list[int | None] = [10**9 + int(chance.gauss(0, noise)) for _ in range(week)]
        store.write(str(key), span(0, week), figures, NOW)
    store.close()
    size = (tmp_path / "metrics.db").stat().st_size
    assert size / (keys * week) <= most


def test_old_chunks_go_and_the_file_stays_small(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "metrics.db", retained_ms=2 * DAY, max_bytes=300_000)
    chance = random.Random(1)
    for day in range(12):
        where = span(day * 1440, 1440)
        for key in range(20):
            figures: list[int | None] = [chance.randrange(2**40) for _ in range(1440)]
            store.write(str(key), where, figures, where.end_ms)
    assert kept(store, "0", span(0, 10)) == ["?"] * 10
    assert isinstance(kept(store, "19", span(12 * 1440 - 600, 1))[0], int)
    store.close()
    assert (tmp_path / "metrics.db").stat().st_size < 1_500_000


def test_two_open_stores_see_each_others_points(tmp_path: Path) -> None:
    one, two = HistoryStore(tmp_path / "metrics.db"), HistoryStore(tmp_path / "metrics.db")
    one.write("k", span(0, 10), list(range(10)), NOW)
    two.write("k", span(10, 10), list(range(10, 20)), NOW)
    assert kept(one, "k", span(0, 20)) == kept(two, "k", span(0, 20)) == list(range(20))
    one.close()
    two.close()


_WRITER = """
import sys
from pathlib import Path
from tools.metrics.history import HistoryStore
from tools.metrics.types import Span
store, key, index = HistoryStore(Path(sys.argv[1])), sys.argv[2], 0
while index < int(sys.argv[3]):
    at = index * 60_000
    store.write(key, Span(at, at + 59 * 60_000, 60), list(range(index, index + 60)), at)
    index += 60
    print(index, flush=True)
"""


def _writer(path: Path, key: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), key, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    writers = [_writer(path, "k", 1200), _writer(path, "k", 1200)]
    assert [writer.communicate()[0].split()[-1] for writer in writers] == ["1200", "1200"]
    store = HistoryStore(path)
    assert kept(store, "k", Span(0, 1199 * MIN, 60)) == list(range(1200))
    store.close()


def test_a_killed_process_leaves_what_it_had_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    writer = _writer(path, "k", 10**9)
    assert writer.stdout is not None
    for _ in range(20):
        said = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    store = HistoryStore(path)
    found = kept(store, "k", Span(0, (said - 1) * MIN, 60))
    assert found == list(range(said))
    store.close()


@pytest.mark.parametrize("damage", ["no database", "an older format", "torn pages"])
def test_a_damaged_file_is_moved_aside_and_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "metrics.db"
    store = HistoryStore(path)
    store.write("k", span(0, 2000), list(range(2000)), NOW)
    store.close()
    if damage == "no database":
        path.write_bytes(b"hello" * 1000)
    elif damage == "an older format":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=0")
    else:
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
    again = HistoryStore(path)
    assert kept(again, "k", span(0, 10)) == ["?"] * 10
    again.write("k", span(0, 3), [1, 2, 3], NOW)
    assert kept(again, "k", span(0, 3)) == [1, 2, 3]
    again.close()
    assert (tmp_path / "metrics.db.damaged").exists()


def test_a_file_of_0_1_is_read_and_written_on(tmp_path: Path) -> None:
    """The same format: its tables have the same columns and keys by another spelling."""
    path = tmp_path / "metrics.db"
    with sqlite3.connect(path) as old:
        old.executescript(
            f"""PRAGMA application_id={APPLICATION}; PRAGMA user_version=1;
            CREATE TABLE series(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
            CREATE TABLE chunk(series INTEGER NOT NULL, slot INTEGER NOT NULL, end_ms INTEGER NOT NULL,
              asked_ms INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE(series, slot)) STRICT;
            CREATE INDEX oldest ON chunk(end_ms);"""
        )
        old.execute("INSERT INTO series(key) VALUES ('k')")
        row = (1, NOW // MIN // SLOT, NOW + DAY, NOW, pack(Line.of([7] * SLOT)))
        old.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?)", row)
    store = HistoryStore(path)
    assert kept(store, "k", span(0, 1)) == [7]
    store.write("k", span(0, 1), [8], NOW)
    assert kept(store, "k", span(0, 1)) == [8]
    store.close()
    assert not (tmp_path / "metrics.db.damaged").exists()


def test_a_damaged_chunk_is_unknown_and_the_rest_is_there(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    store = HistoryStore(path)
    first = (SLOT - (NOW // MIN) % SLOT) % SLOT
    store.write("k", span(first, 2 * SLOT), list(range(2 * SLOT)), NOW)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE chunk SET data = x'0101ff' WHERE slot = (SELECT min(slot) FROM chunk)")
    found = kept(store, "k", span(first, 2 * SLOT))
    assert found[:SLOT] == ["?"] * SLOT
    assert found[SLOT:] == list(range(SLOT, 2 * SLOT))
    store.close()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs(x)")
    before = path.read_bytes()
    with pytest.raises(HistoryUnavailable, match="another program") as caught:
        HistoryStore(path)
    assert str(path) in caught.value.where
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "metrics.db").mkdir()
    with pytest.raises(HistoryUnavailable, match="cannot be used"):
        HistoryStore(tmp_path / "metrics.db")


def test_the_file_is_the_users_own(tmp_path: Path) -> None:
    HistoryStore(tmp_path / "metrics.db").close()
    assert (tmp_path / "metrics.db").stat().st_mode & 0o077 == 0
