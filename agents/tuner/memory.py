"""The strategy `memory`: the limit grows by itself and shrinks only with a person's yes.

The rules are those of forecasting.vertical.memory. What was killed is taken from the pods' last exits: of each pod
the apiserver keeps one. A workload that is killed although it was raised three times is not raised any more: it
leaks, and that is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.tuner.change import Change
from agents.tuner.strategy import Aim, Candidate, Figure, Observed, Reads
from agents.tuner.vertical import container_of, resized, unfit, usage
from forecasting.vertical.live import memory
from forecasting.vertical.types import MemoryAdvice, OomKill
from tools.cluster_types import Pod
from tools.metrics.types import Metric

NAME = "memory"
DAYS = 14
HALF = 2


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """In the template, since a kill comes again with the next pod; in place where somebody keeps the template."""

    aim: Aim
    name: str = field(default=NAME, init=False)
    version: str = field(default="1", init=False)
    reads: Reads = field(default=Reads(DAYS * 86_400, (Metric.MEMORY_USAGE, Metric.REPLICAS)), init=False)

    def consider(self, observed: Observed) -> str | None:
        """Several containers, an owner, no limit, no figures."""
        if why := unfit(observed):
            return why
        if container_of(observed).resources.memory_limit is None:
            return "no-memory-limit"
        if observed.memory is None:
            return "no-metrics"
        restarts = "memory" in container_of(observed).restarts_on
        keeper = observed.workload.template_owner
        return f"owned-by-{keeper}" if keeper and restarts else None

    def propose(self, observed: Sequence[Observed]) -> list[list[Candidate]]:
        """One candidate each."""
        return [[_proposed(one)] for one in observed]


def _proposed(one: Observed) -> Candidate:
    now, container = container_of(one).resources.memory_limit or 0, container_of(one)
    if one.memory is None or one.ready is None:
        return Candidate(NAME, None, "no-metrics")
    kills = [kill for pod in one.pods if (kill := _kill(pod, container.name)) is not None]
    advice = memory(usage(one.memory, one.ready), now, kills, container.jvm)
    figures = (
        Figure("limit_bytes", now),
        Figure("advised_bytes", advice.limit),
        Figure("oom_kills", len(kills)),
    )
    match advice.verdict:
        case "grow":
            return Candidate(NAME, _limited(one, advice.limit), "memory-too-small", advice.why, figures)
        case "shrink":
            return _shrunk(one, advice, now, figures)
        case "leak":
            return Candidate(NAME, None, "memory-leak", advice.why, figures)
        case "unknown":
            return Candidate(NAME, None, "no-metrics", advice.why, figures)
    return Candidate(NAME, None, "memory-fits", advice.why, figures)


def _shrunk(one: Observed, advice: MemoryAdvice, now: int, figures: tuple[Figure, ...]) -> Candidate:
    if one.workload.template_owner:
        return Candidate(NAME, None, f"owned-by-{one.workload.template_owner}", advice.why, figures)
    change = _limited(one, max(advice.limit, -(-now // HALF)))
    return Candidate(NAME, change, "memory-slack", advice.why, figures, needs_approval_hint=True)


def _limited(one: Observed, limit: int) -> Change:
    """The limit, and the request where it goes along: a request that is the limit stays so."""
    now = container_of(one).resources
    wanted = {"memory_limit": limit}
    if now.memory_request is not None and (
        now.memory_request == now.memory_limit or now.memory_request > limit
    ):
        wanted["memory_request"] = limit
    return resized(one, wanted, in_place=one.workload.template_owner is not None)


def _kill(pod: Pod, container: str) -> OomKill | None:
    """Under which limit the pod's container was killed last, where it was."""
    if pod.last_exit != "OOMKilled" or pod.last_exit_of != container or not pod.last_exit_ms:
        return None
    limit = next((one.resources.memory_limit for one in pod.containers if one.name == container), None)
    return None if limit is None else OomKill(pod.last_exit_ms // 1000, limit)
