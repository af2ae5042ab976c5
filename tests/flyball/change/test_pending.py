"""`pending` as a table: a change is one word that a person can still read."""

import pytest

from flyball.cli.change.pending import _one_word


@pytest.mark.parametrize(
    ("diff", "shown"),
    [
        ("6 -> 3", "6->3"),
        (
            "no envelope -> 2..6 until 2026-03-10T08:00:00Z, then at least 4",
            "no_envelope->2..6_until_2026-03-10T08:00:00Z,_then_at_least_4",
        ),
        ("CPU target 70% -> 175m of a pod", "CPU_target_70%->175m_of_a_pod"),
    ],
)
def test_a_change_is_one_word(diff: str, shown: str) -> None:
    assert _one_word(diff) == shown
