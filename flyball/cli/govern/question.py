"""The question that `policy explain` and `policy can-i` put to the policy: its words, and how they are read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options
from flyball.exits import UsageError

if TYPE_CHECKING:
    from policies.questions import Question
    from policies.snapshot import Snapshot

Action = Annotated[str, typer.Argument(help="The action, e.g. scale.")]
As = Annotated[str, typer.Option("--as", help="local (you), agent:NAME or human:NAME.")]
Replicas = Annotated[int | None, typer.Option("--replicas", help="The wanted number of replicas.")]
Now = Annotated[
    int | None, typer.Option("--current-replicas", help="The number of replicas to assume it has now.")
]
Wanted = Annotated[list[str] | None, typer.Option("--set", help="A wanted value, e.g. cpuRequest=500m.")]
Current = Annotated[
    list[str] | None, typer.Option("--from", help="A value to assume now, e.g. cpuRequest=250m.")
]
Labels = Annotated[
    list[str] | None, typer.Option("-l", "--label", help="A label to assume on it, e.g. tier=web.")
]
Tainted = Annotated[
    bool, typer.Option("--tainted", help="As if the agent's session had read untrusted text.")
]
FieldOwner = Annotated[
    str | None, typer.Option("--field-owner", help="Assume that this owns the fields, e.g. argocd/shop.")
]


@dataclass(frozen=True, slots=True)
class Supposed:
    """What is assumed where the cluster is not asked: wanted and present numbers, labels, who owns the fields."""

    replicas: int | None = None
    current_replicas: int | None = None
    wanted: list[str] | None = None
    """As they were typed, `cpuRequest=500m`; `current` and `labels` likewise."""
    current: list[str] | None = None
    labels: list[str] | None = None
    field_owner: str | None = None
    tainted: bool = False


def policy_of(opts: Options) -> "tuple[Snapshot, str, str]":
    """The policy in force, the cluster and the namespace that questions are about. Raises PolicyInvalid."""
    from flyball.place import place_of
    from flyball.policy import policy_source

    place = place_of(opts.settings)
    return policy_source(opts.settings, place).current(), place.context, place.namespace


def asked(
    opts: Options, action: str, workload: list[str], who: str, supposed: Supposed
) -> "tuple[Snapshot, Question]":
    """The policy in force and the question, as the command line puts it. Raises PolicyInvalid, UsageError."""
    from flyball.cli.kit.naming import one
    from flyball.identity import LOCAL, os_user
    from policies.questions import Question, numbers
    from tools.cluster.names import target

    snapshot, cluster, namespace = policy_of(opts)
    named = one(workload)
    wanted = _numbers(supposed.replicas, supposed.wanted)
    current = _numbers(supposed.current_replicas, supposed.current)
    labels, action = _pairs(supposed.labels), _action(snapshot, action)
    if who != "local" and not who.startswith(("agent:", "human:")):
        raise UsageError(
            f"`{who}` is not a known identity", where="--as", hint="local, agent:NAME or human:NAME"
        )
    mine = not who.startswith("human:")
    return snapshot, Question(
        who=os_user() if who == "local" else who,
        action=action,
        target=target(cluster, namespace, named),
        behind=os_user() if mine else who,
        groups=(LOCAL,) if mine else (),
        wanted=numbers(wanted, action, snapshot),
        current=numbers(current, action, snapshot),
        labels=labels,
        field_owner=supposed.field_owner,
        tainted=supposed.tainted,
    )


def _action(snapshot: "Snapshot", typed: str) -> str:
    action = typed.replace("-", "_")  # `set-resources`, as `flyball act` spells it
    if action not in snapshot.catalogue:
        hint = "actions: " + ", ".join(sorted(snapshot.catalogue))
        raise UsageError(f"`{action}` is not an action", hint=hint)
    return action


def _numbers(replicas: int | None, others: list[str] | None) -> dict[str, int | str]:
    found: dict[str, int | str] = dict(_pairs(others))
    if replicas is not None:
        found["replicas"] = replicas
    return found


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = [part.partition("=") for part in given or ()]
    for key, equals, value in pairs:
        if not key or not equals:
            raise UsageError(f"`{key}{equals}{value}` is not KEY=VALUE", hint="write e.g. cpuRequest=500m")
    return {key: value for key, _, value in pairs}
