"""How much a run tries: the quick run of every day, or all of it (`./dev test --all`).

The quick run draws the same examples each time and attacks every rule at least once; all of it adds the tests
marked `slow`, and many more examples and rounds.
"""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings

ALL = "FLYBALL_TEST_ALL"
"""Set by the option, so that worker processes and child processes know it before they import a test."""


def everything() -> bool:
    return os.environ.get(ALL, "") not in ("", "0")


def rounds(quick: int, all_: int) -> int:
    """How often a loop of a test goes round."""
    return all_ if everything() else quick


def examples(quick: int, all_: int | None = None, skipping: Sequence[HealthCheck] = ()) -> settings:
    """Hypothesis with that many examples (five times as many in a run of everything, unless given)."""
    count = rounds(quick, 5 * quick if all_ is None else all_)
    return settings(max_examples=count, suppress_health_check=skipping)


def load_profile() -> None:
    """No deadline, for machines are noisy; no file of examples, for several processes would share it."""
    settings.register_profile("flyball", deadline=None, database=None, derandomize=not everything())
    settings.load_profile("flyball")
