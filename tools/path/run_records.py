"""The records of agents' runs and model calls. What a run does to a workload has records of its own."""

from audit.log import Log
from audit.record import Parent, Record, Resource
from policies.types import Principal, Target
from tools.path.journal import actor_of


def run_started(
    log: Log, who: Principal, run_id: str, detail: dict[str, object], parents: tuple[Parent, ...] = ()
) -> Record:
    """A run begins, with what it was asked for."""
    return log.draft("run.started", actor=actor_of(who), run_id=run_id, args=detail, parents=parents)


def run_finished(
    log: Log, who: Principal, run_id: str, detail: dict[str, object], parents: tuple[Parent, ...] = ()
) -> Record:
    """A run is over, with its result."""
    return log.draft("run.finished", actor=actor_of(who), run_id=run_id, args=detail, parents=parents)


def weighed(log: Log, who: Principal, run_id: str, target: Target, detail: dict[str, object]) -> Record:
    """What a run weighed for one workload, and what it came to."""
    about = Resource(cluster=target.cluster, namespace=target.namespace, kind=target.kind, name=target.name)
    return log.draft("tool.proposed", actor=actor_of(who), run_id=run_id, resource=about, args=detail)


def model_call(log: Log, who: Principal, thread: str, model: str, facts: dict[str, object]) -> Record:
    """A model answered in `thread`."""
    actor = actor_of(who).model_copy(update={"model": model[:512]})
    return log.draft("model.call", actor=actor, args=facts, labels={"thread": thread})


def turn_stopped(log: Log, who: Principal, thread: str, why: str, detail: str) -> Record:
    """A turn in `thread` ended for a reason of ours."""
    labels = {"thread": thread, "stopped": why}
    return log.draft("annotation", actor=actor_of(who), reason=detail[:4096], labels=labels)
