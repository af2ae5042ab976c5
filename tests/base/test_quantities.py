"""Kubernetes quantities: exact, rounded up, and nothing that an apiserver would not take."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.quantities import (
    INTEGER_MAX,
    QuantityInvalid,
    asked_bytes,
    format_bytes,
    format_millicores,
    meant_millicores,
    millicores,
    parse,
    rounded_bytes,
    spelled_bytes,
    whole_bytes,
)


@pytest.mark.parametrize(
    ("text", "cpu"),
    [
        ("100m", 100),
        ("0.5", 500),
        (".5", 500),
        ("5.", 5000),
        ("+1", 1000),
        ("2", 2000),
        (2, 2000),
        (0.25, 250),
        ("1e3", 1_000_000),
        ("1E-3", 1),
        ("12345678n", 13),
        ("100u", 1),
        ("1n", 1),
        ("0", 0),
        ("0.0001", 1),
    ],
)
def test_cpu_in_millicores_rounds_up(text: str, cpu: int) -> None:
    assert millicores(text) == cpu


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64Mi", 64 * 2**20),
        ("1.5Gi", 3 * 2**29),
        ("1G", 10**9),
        ("1E", INTEGER_MAX),
        ("1e3", 1000),
        ("100m", 1),
        ("128974848", 128974848),
        ("1e999", INTEGER_MAX),
        ("-1e999", -INTEGER_MAX),
    ],
)
def test_memory_in_bytes_rounds_up_and_saturates(text: str, size: int) -> None:
    assert whole_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "1_0",
        "１",
        "1ki",
        "1mi",
        "1KI",
        "1e",
        "e3",
        "1e1000",
        "0x10",
        "NaN",
        "inf",
        "1..2",
        "--1",
        "1Mi1",
        "9" * 10_000,
        "٣",
        True,
    ],
)
def test_what_no_apiserver_takes_is_refused(text: str) -> None:
    with pytest.raises(QuantityInvalid):
        parse(text)


@pytest.mark.parametrize("text", ["512m", "0.5", "1.5", "1e-1", "999999999n", "1u"])
def test_a_person_asks_for_no_part_of_a_byte(text: str) -> None:
    with pytest.raises(QuantityInvalid, match="is finer than one byte"):
        asked_bytes(text)


def test_a_slip_for_mebibytes_is_told_what_was_meant() -> None:
    with pytest.raises(QuantityInvalid, match=r"`512m` is finer than one byte \(did you mean 512Mi\?\)"):
        asked_bytes("512m")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512Mi", 512 * 2**20),
        ("2000m", 2),
        ("1.5Gi", 3 * 2**29),
        ("1.1Gi", 1_181_116_007),
        ("0.1Ei", INTEGER_MAX),
        ("1e9", 10**9),
        ("1.5e3", 1500),
        (134217728, 2**27),
    ],
)
def test_a_person_asks_for_whole_bytes_in_any_unit(text: str | int, size: int) -> None:
    assert asked_bytes(text) == size


def test_bytes_are_spelled_with_a_unit() -> None:
    spelled = [spelled_bytes(one) for one in (0, 1, 1000, 1024, 512 << 20)]
    assert spelled == ["0 bytes", "1 byte", "1000 bytes", "1Ki", "512Mi"]


def test_decimals_are_exact() -> None:
    assert parse("0.1") * 3 == Decimal("0.3")
    assert parse("9007199254740993n") == Decimal("9007199.254740993")


@given(st.integers(0, INTEGER_MAX // 1000))
def test_millicores_come_back(amount: int) -> None:
    assert millicores(format_millicores(amount)) == amount


@given(st.integers(0, INTEGER_MAX))
def test_bytes_come_back(amount: int) -> None:
    assert whole_bytes(format_bytes(amount)) == amount


def test_they_are_written_as_kubernetes_writes_them() -> None:
    assert [format_millicores(one) for one in (0, 250, 1000, 1500)] == ["0", "250m", "1", "1500m"]
    assert [format_bytes(one) for one in (0, 1024, 3 << 30, 10**9)] == ["0", "1Ki", "3Gi", "1000000000"]


def test_the_caller_says_which_suffixes() -> None:
    assert format_bytes(512 * 10**6) == "500000Ki"
    assert format_bytes(512 * 10**6, ("Mi", "M", "Ki")) == "512M"
    assert format_bytes(512 << 20, ("Mi", "M", "Ki")) == "512Mi"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "0"), (12, "12"), (1024, "1Ki"), (748 << 20, "748Mi"), (3 << 29, "1.5Gi"), (5 << 50, "5Pi")],
)
def test_rounded_for_a_person(amount: int, expected: str) -> None:
    assert rounded_bytes(amount) == expected


@pytest.mark.parametrize(
    ("asked", "now", "meant"),
    [
        ("600", "500m", "600m"),
        ("600", None, "600m"),
        ("100", "1", "100m"),
        ("129", None, "129m"),
        ("128", None, ""),
        ("64", "1", ""),
        ("4", "50m", ""),
        ("9", "100m", ""),
        ("10", "100m", "10m"),
        ("600m", "5m", ""),
        ("1500m", "1m", ""),
        ("192", "96", "192m"),
        ("2", "500m", ""),
        ("0", None, ""),
    ],
)
def test_cores_that_are_probably_millicores_are_doubted(asked: str, now: str | None, meant: str) -> None:
    """Only whole cores, and only where the figure in millicores is the nearer one or no usual node has so many."""
    assert meant_millicores(millicores(asked), millicores(now) if now else None) == meant
