"""What a pass is about: where it looks, at which workloads, and what of its proposals it may try."""

from collections.abc import Callable
from dataclasses import dataclass

from policies.types import Target
from tools.cluster_types import Workload


def _any(_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Remit:
    """`namespaces` in which it looks, `selects` the workloads that are its business, `tries` where one is tried
    as a dry run (an agent that only observes tries nothing)."""

    namespaces: tuple[str, ...]
    selects: Callable[[Workload], bool] = _any
    tries: Callable[[Target], bool] = _any
