"""The question that `policy explain` and `policy can-i` put to the policy: its words, and how they are read."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.numbers import whole
from flyball.cli.kit.options import Options
from flyball.exits import UsageError

if TYPE_CHECKING:
    from policies.questions import Question
    from policies.snapshot import Snapshot
    from policies.types import Principal

Action = Annotated[str, typer.Argument(help="The action, e.g. scale.")]
_Text = str | None


def _amount(flag: str, of: str, example: str) -> Any:
    return Annotated[_Text, typer.Option(flag, help=f"The wanted {of}, e.g. {example}.")]


def _many(*flags: str, what: str) -> Any:
    return Annotated[list[str] | None, typer.Option(*flags, help=what)]


def _count(flag: str, what: str) -> Any:
    return Annotated[int | None, typer.Option(flag, help=what, parser=whole, metavar="INTEGER")]


AMOUNTS = {
    "cpu_request": ("cpuRequest", _amount("--cpu-request", "CPU request", "600m")),
    "cpu_limit": ("cpuLimit", _amount("--cpu-limit", "CPU limit", "1")),
    "memory_request": ("memoryRequest", _amount("--memory-request", "memory request", "256Mi")),
    "memory_limit": ("memoryLimit", _amount("--memory-limit", "memory limit", "512Mi")),
}
"""As `flyball act set-resources` has them: each with its dimension in policies."""
BOUNDS = {"min_replicas": "minReplicas", "max_replicas": "maxReplicas", "target_percent": "targetPercent"}
"""The same of `flyball act set-autoscaler-bounds`."""
_OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "who": (Annotated[str, typer.Option("--as", help="local (you), agent:NAME or human:NAME.")], "local"),
    "replicas": (_count("--replicas", "The wanted number of replicas."), None),
    **{name: (option, None) for name, (_, option) in AMOUNTS.items()},
    "min_replicas": (_count("--min-replicas", "The wanted minReplicas of its HPA."), None),
    "max_replicas": (_count("--max-replicas", "The wanted maxReplicas of its HPA."), None),
    "target_percent": (_count("--target-percent", "The wanted CPU target of its HPA, in percent of requests."), None),
    "container": (Annotated[_Text, typer.Option("--container", help="The container they are for.")], None),
    "current_replicas": (
        _count("--current-replicas", "The number of replicas to assume it has now."),
        None,
    ),
    "wanted": (_many("--set", what="A wanted value, e.g. cpuRequest=500m."), None),
    "current": (_many("--from", what="A value to assume now, e.g. cpuRequest=250m."), None),
    "labels": (_many("-l", "--label", what="A label to assume on it, e.g. tier=web."), None),
    "field_owner": (
        Annotated[_Text, typer.Option("--field-owner", help="Assume that this owns the fields, e.g. argocd/shop.")],
        None,
    ),
    "tainted": (
        Annotated[bool, typer.Option("--tainted", help="As if the agent's session had read untrusted text.")],
        False,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supposed:
    """Who asks, and what is assumed where the cluster is not asked: wanted and present numbers, labels, who owns the
    fields. Amounts are as they were typed; `wanted`, `current` and `labels` are KEY=VALUE."""

    who: str = "local"
    replicas: int | None = None
    cpu_request: str | None = None
    cpu_limit: str | None = None
    memory_request: str | None = None
    memory_limit: str | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    target_percent: int | None = None
    container: str | None = None
    current_replicas: int | None = None
    wanted: list[str] | None = None
    current: list[str] | None = None
    labels: list[str] | None = None
    field_owner: str | None = None
    tainted: bool = False

    def numbers(self) -> dict[str, int | str]:
        """All wanted values by dimension. Raises UsageError."""
        named = {name: dimension for name, (dimension, _) in AMOUNTS.items()} | BOUNDS
        amounts = {dimension: getattr(self, name) for name, dimension in named.items()}
        given = {dimension: amount for dimension, amount in amounts.items() if amount is not None}
        return _numbers(self.replicas, self.wanted) | given


def supposing(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a question; its last parameter receives them as a Supposed."""
    own = list(inspect.signature(function).parameters.values())[:-1]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _OPTIONS.items()
    ]

    @functools.wraps(function)
    def wrapped(opts: Options, **given: Any) -> None:
        supposed = Supposed(**{name: given.pop(name) for name in _OPTIONS})
        function(opts, **given, supposed=supposed)

    wrapped.__signature__ = inspect.Signature(own + options)  # type: ignore[attr-defined]
    return wrapped


def policy_of(opts: Options) -> "tuple[Snapshot, str, str]":
    """The policy in force, the cluster and the namespace that questions are about. Raises PolicyInvalid."""
    from flyball.place import place_of
    from flyball.policy import policy_source

    place = place_of(opts.settings)
    return policy_source(opts.settings, place).current(), place.context, place.namespace


def asked(
    opts: Options, action: str, workload: Sequence[str], supposed: Supposed
) -> "tuple[Snapshot, Question]":
    """The policy in force and the question, as the command line puts it. Raises PolicyInvalid, UsageError."""
    from flyball.cli.kit.naming import one
    from policies.questions import Question, numbers
    from tools.cluster.names import target

    snapshot, cluster, namespace = policy_of(opts)
    action = action_of(snapshot, action)
    return snapshot, Question(
        who=supposed.who,
        action=action,
        target=target(cluster, namespace, one(list(workload))),
        wanted=numbers(supposed.numbers(), action, snapshot),
        current=numbers(_numbers(supposed.current_replicas, supposed.current), action, snapshot),
        labels=pairs(supposed.labels),
        field_owner=supposed.field_owner,
        tainted=supposed.tainted,
        asker=asker(snapshot, cluster, supposed.who),
        container=supposed.container or "",
    )


def asker(snapshot: "Snapshot", cluster: str, who: str) -> "Principal":
    """The principal that `act` would go by, or another one that is asked for. Raises UsageError."""
    from pydantic import ValidationError

    from flyball.identity import LocalIdentity
    from policies.types import Scope

    if who != "local" and not who.startswith(("agent:", "human:")):
        raise UsageError(
            f"`{who}` is not a known identity", where="--as", hint="local, agent:NAME or human:NAME"
        )
    task = Scope(clusters=(cluster,), namespaces=None, actions=tuple(sorted(snapshot.catalogue)))
    try:
        return LocalIdentity().named(who, task)
    except ValidationError as e:
        raise UsageError(f"`{who}` is no name", where="--as", hint="e.g. agent:tuner, human:anna") from e


def slips(question: "Question") -> list[str]:
    """Wanted amounts of CPU whose unit was probably left out: `cpuRequest 600: did you mean 600m?`."""
    from base.quantities import meant_millicores

    cpu = {name: amount for name, amount in question.wanted.items() if name.startswith("cpu")}
    meant = {name: meant_millicores(amount, question.current.get(name)) for name, amount in cpu.items()}
    return [f"{name} {text.removesuffix('m')}: did you mean {text}?" for name, text in meant.items() if text]


def action_of(snapshot: "Snapshot", typed: str) -> str:
    """An action of the catalogue, `set-resources` as `flyball act` spells it. Raises UsageError."""
    action = typed.replace("-", "_")
    if action not in snapshot.catalogue:
        hint = "actions: " + ", ".join(sorted(snapshot.catalogue))
        raise UsageError(f"`{action}` is not an action", hint=hint)
    return action


def _numbers(replicas: int | None, others: list[str] | None) -> dict[str, int | str]:
    found: dict[str, int | str] = dict(pairs(others))
    if replicas is not None:
        found["replicas"] = replicas
    return found


def pairs(given: list[str] | None) -> dict[str, str]:
    """KEY=VALUE each. Raises UsageError."""
    split = [part.partition("=") for part in given or ()]
    for key, equals, value in split:
        if not key or not equals:
            raise UsageError(f"`{key}{equals}{value}` is not KEY=VALUE", hint="write e.g. cpuRequest=500m")
    return {key: value for key, _, value in split}
