"""Instants as text: one notation, read back as written, and nothing that only looks like it."""

import pytest

from base.instants import InstantInvalid, utc_ms, utc_text


def test_what_is_written_is_read_back() -> None:
    assert utc_text(1_793_491_200_999) == "2026-11-01T00:00:00Z"
    assert utc_ms("2026-11-01T00:00:00Z") == 1_793_491_200_000
    assert utc_text(0) == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("text", [
    "", "2026-11-01", "2026-11-01T00:00:00", "2026-11-01T00:00:00z", "2026-11-01T00:00:00+00:00",
    "2026-11-01 00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-01T24:00:00Z", " 2026-11-01T00:00:00Z",
    "2026-11-01T00:00:00Z\n", "２026-11-01T00:00:00Z",
])  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InstantInvalid, match="not an instant in UTC"):
        utc_ms(text)
