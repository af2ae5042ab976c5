"""The one reader of recorded series: what every use of it takes, what only some take, and what none does.

Three uses: a trace of demand (backtest), any series (sentinel), a recording for a simulated workload (sandbox).
"""

import codecs
import gzip
import math

import pytest

from forecasting.backtest.rows import accepts
from forecasting.errors import BadTrace
from forecasting.recorded.cells import instant
from forecasting.recorded.rows import Accepts, Samples, read
from forecasting.recorded.text import stem, text_of

NOW = 1_800_000_000
TRACE, SERIES, RECORDING = (
    accepts(NOW),
    Accepts(gaps="any", negative=True, most=1e18),
    Accepts(gaps="none", unordered=False),
)
EVERY = pytest.mark.parametrize("use", [TRACE, SERIES, RECORDING], ids=["trace", "series", "recording"])


def rows(text: str, use: Accepts, *columns: str, optional: str | None = None) -> Samples:
    return read(text_of(text.encode(), "a.csv", 1 << 20), "a.csv", columns or ("value",), use, optional)


@EVERY
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1772460000", 1_772_460_000),
        ("1772460000.5", 1_772_460_000.5),
        (" 1.77246e9 ", 1_772_460_000),
        ("0", 0),
        ("2026-03-02T14:00:00Z", 1_772_460_000),
        ("2026-03-02t14:00:00z", 1_772_460_000),
        ("2026-03-02T14:00:00.250Z", 1_772_460_000.25),
        ("2026-03-02T15:30:00+01:30", 1_772_460_000),
        ("2026-03-02 06:00:00 -0800", 1_772_460_000),
        ("2026-03-02T14:00Z", 1_772_460_000),
        ("2026-03-02 14:00:00", 1_772_460_000),
    ],
)
def test_every_use_takes_the_same_times(use: Accepts, text: str, at: float) -> None:
    found = rows(f"ts,value\n{text},1\n", use)
    assert found.at.tolist() == [at]
    assert bool(found.notes) == (text == "2026-03-02 14:00:00"), (
        "a time without an offset is read as UTC, and said"
    )


@EVERY
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("soon", "`soon` is not a time"),
        ("", "`` is not a time"),
        ("nan", "`nan` is not a time"),
        ("inf", "`inf` is not a time"),
        ("-60", "`-60` is not a time"),
        ("1_0", "`1_0` is not a time"),
        ("１", "`１` is not a time"),
        ("2026-01-01", "`2026-01-01` is not a time"),
        ("2026-13-01T00:00:00Z", "`2026-13-01T00:00:00Z` is not a time: month must be in 1..12"),
        ("2026-01-01T00:00:00+25:00", "`2026-01-01T00:00:00+25:00` is not a time: offset"),
        ("1969-12-31T23:59:59Z", "`1969-12-31T23:59:59Z` is not a time"),
        ("1772460000000", "`1772460000000` is not a time in seconds"),
    ],
)
def test_no_use_takes_what_is_no_time(use: Accepts, text: str, what: str) -> None:
    with pytest.raises(BadTrace) as refused:
        rows(f"ts,value\n0,1\n{text},1\n", use)
    assert refused.value.what.startswith(what)
    assert refused.value.where == "a.csv:3"
    assert refused.value.hint


@EVERY
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ts,value\n0,1\n60,many\n", "`many` is not a number"),
        ("ts,value\n0,1\n60,1_0\n", "`1_0` is not a number"),
        ("ts,value\n0,1\n60,１\n", "`１` is not a number"),
        ("ts,value\n0,1\n60,0x10\n", "`0x10` is not a number"),
        ("ts,value\n0,1\n60,2\x00\n", "`2\x00` is not a number"),
        ("ts,value\n0,1\n60,1e300\n", "`1e300` is not a measurement"),
        ("ts,value\n0,1\n60,1,5\n", "3 fields where the head has 2"),
        ('ts,value\n0,1\n60,"1\n', "this is not CSV"),
        (f"ts,value\n0,1\n60,{'9' * 200_000}\n", "this is not CSV"),
    ],
)
def test_no_use_takes_what_is_no_number(use: Accepts, text: str, what: str) -> None:
    with pytest.raises(BadTrace) as refused:
        rows(text, use)
    assert refused.value.what.startswith(what)
    assert refused.value.where == "a.csv:3"
    assert refused.value.hint


# what the line is; whether a trace, a series, a recording takes it
@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("60,", (True, True, False)),
        ("60,NaN", (True, True, False)),
        ("60,null", (True, True, False)),
        ("60,NA", (True, True, False)),
        ("60,inf", (False, True, False)),
        ("60", (False, True, False)),
        ("60,-3", (False, True, False)),
        ("60,1e16", (False, True, False)),
        ("0,2", (True, True, False)),
        ("0.4,2", (True, True, False)),
        (f"{NOW + 1},2", (False, True, True)),
        ("60,2,", (True, True, True)),
        ("60,2", (True, True, True)),
        ("", (True, True, True)),
    ],
)
def test_what_only_some_take(line: str, taken: tuple[bool, ...]) -> None:
    for use, wanted in zip((TRACE, SERIES, RECORDING), taken, strict=True):
        try:
            found = rows(f"ts,value\n0,1\n{line}\n", use)
        except BadTrace as e:
            found, where = None, e.where
        assert (found is not None) == wanted
        assert where == "a.csv:3" if found is None else len(found.at) == (2 if line else 1)


def test_an_infinity_and_a_short_line_are_missing() -> None:
    values = rows("ts,value\n0,inf\n1\n2,-inf\n", SERIES).columns["value"]
    assert [math.isnan(x) for x in values.tolist()] == [True] * 3


@EVERY
@pytest.mark.parametrize(
    "head",
    ["ts,value", "Time,value", "TIMESTAMP , value", "\ufeffts,value", '\ufeff"Time","value"', "value,time"],
)
def test_the_times_have_one_of_three_names(use: Accepts, head: str) -> None:
    line = "5,60" if head.startswith("value") else "60,5"
    found = rows(f"{head}\r\n{line}\r\n\r\n", use)
    assert (found.at.tolist(), found.columns["value"].tolist()) == ([60], [5])


def test_the_first_name_of_the_three_counts() -> None:
    found = rows("time,ts,value\nlater,1,2\n", TRACE)
    assert found.at.tolist() == [1]
    assert rows("time,ts,value\n7,1,2\n", TRACE, "time").columns["time"].tolist() == [7]


@pytest.mark.parametrize(
    ("head", "columns", "what"),
    [
        ("", ("value",), "one column `ts` is needed; the head has nothing"),
        ("a,value", ("value",), "one column `ts` is needed; the head has `a`, `value`"),
        ("ts,TS,value", ("value",), "one column `ts` is needed"),
        ("ts,cpu", ("value",), "one column `value` is needed; the head has `ts`, `cpu`"),
        ("ts,value,value", ("value",), "one column `value` is needed"),
        ("ts,value", ("ts",), "one column `ts` is needed"),
        ("ts,a,a", ("*",), "one column `a` is needed"),
        ("ts;value", ("value",), "fields are separated by semicolons, not by commas"),
        ("ts\tvalue", ("value",), "fields are separated by tabs, not by commas"),
        ("sep=,\nts,value", ("value",), "the first line is a spreadsheet's `sep=`"),
    ],
)
def test_a_head_that_names_too_little_or_twice(head: str, columns: tuple[str, ...], what: str) -> None:
    with pytest.raises(BadTrace) as refused:
        rows(f"{head}\n1,2,3\n", TRACE, *columns)
    assert refused.value.what.startswith(what)
    assert refused.value.where == "a.csv:1"
    of_values = what.startswith(("one column `value`", "one column `a`")) or columns == ("ts",)
    assert ("--column" in refused.value.hint) is of_values, "no option names the column of times"


def test_several_columns_and_one_that_may_be_there() -> None:
    text = "ts,a,limit,b\n0,1,9,3\n"
    assert {n: v.tolist() for n, v in rows(text, SERIES, "b", "a", "b").columns.items()} == {
        "b": [3],
        "a": [1],
    }
    assert list(rows(text, SERIES, "*").columns) == ["a", "limit", "b"]
    assert list(rows(text, SERIES, "a", optional="limit").columns) == ["a", "limit"]
    assert list(rows(text, SERIES, "a", optional="other").columns) == ["a"]
    with pytest.raises(BadTrace) as refused:
        rows("ts,a,b\n0,1,x\n", TRACE, "*")
    assert refused.value.where == "a.csv:2, column `b`"


@EVERY
def test_a_head_alone_is_no_series(use: Accepts) -> None:
    with pytest.raises(BadTrace, match="there is no sample") as refused:
        rows("ts,value\n", use)
    assert refused.value.where == "a.csv"


def test_a_hint_says_what_may_be() -> None:
    def hint(line: str, use: Accepts) -> str:
        with pytest.raises(BadTrace) as refused:
            rows(f"ts,value\n{line}\n", use)
        return refused.value.hint

    assert "CPU cores, or leave the cell empty" in hint("0,x", TRACE)
    assert "empty" not in hint("0,x", RECORDING)
    assert "a counter's reset" in hint("0,-7", TRACE)
    for zeros, unit in (("000", "milliseconds"), ("000000", "microseconds"), ("000000000", "nanoseconds")):
        assert hint(f"1700000000{zeros},1", TRACE) == f"these look like {unit}: divide them by 1{zeros}"


CSV = "ts,value\n1,2\n"


@pytest.mark.parametrize(
    "raw",
    [
        CSV.encode(),
        codecs.BOM_UTF8 + CSV.encode(),
        codecs.BOM_UTF16_LE + CSV.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + CSV.encode("utf-16-be"),
        gzip.compress(CSV.encode()),
        gzip.compress(codecs.BOM_UTF8 + CSV[:9].encode()) + gzip.compress(CSV[9:].encode()),
    ],
    ids=["utf-8", "mark", "utf-16-le", "utf-16-be", "gzip", "gzip in two parts with mark"],
)
def test_encodings(raw: bytes) -> None:
    assert text_of(raw, "a.csv", 1000).read() == CSV


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (bytes(range(128, 256)), "this is not text"),
        (b"\x1f\x8b", "this is not text"),
        (b"\x1f\x8b\xff\xfe", "this is not text"),
        (gzip.compress(CSV.encode())[:-4], "this is not text"),
        (gzip.compress(CSV.encode())[:12] + b"\xff" * 40, "this is not text"),
        (codecs.BOM_UTF16_LE + b"a", "this is not text"),
        (b"," * ((1 << 20) + 1), "the file holds more than 1 MiB"),
        (gzip.compress(b"," * (1 << 24)), "the file holds more than 1 MiB"),
    ],
    ids=[
        "latin",
        "gzip head",
        "bad method",
        "cut",
        "damaged",
        "half a letter",
        "large",
        "large when unpacked",
    ],
)
def test_what_is_no_text(raw: bytes, what: str) -> None:
    with pytest.raises(BadTrace) as refused:
        text_of(raw, "a.csv", 1 << 20)
    assert refused.value.what == what
    assert (refused.value.where, bool(refused.value.hint)) == ("a.csv", True)


def test_a_traces_name_is_its_files() -> None:
    assert [stem(name) for name in ("web.csv", "d/web.csv.gz", "web.1.csv", "web", "web.txt")] == [
        "web", "web", "web.1", "web", "web",
    ]  # fmt: skip


def test_a_moment_on_the_command_line() -> None:
    assert instant("2026-03-02T14:00:00Z", "--now") == (1_772_460_000, False)
    with pytest.raises(BadTrace) as refused:
        instant("soon", "--now")
    assert refused.value.where == "--now"
