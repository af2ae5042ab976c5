"""`flyball sandbox reset|advance|load|status`: the simulated cluster, whose time moves only by `advance`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.kit.instants import instant
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, note, say, table
from flyball.cli.kit.waiting import span as span_s
from flyball.cli.sandbox.progress import watched
from flyball.exits import UsageError

if TYPE_CHECKING:
    from sandbox.cluster import SimulatedCluster
    from sandbox.metrics import SimulatedMetrics
    from sandbox.world import World
    from tools.cluster_types import Workload

app = typer.Typer(
    help="Reset, advance, load or show the simulated cluster. Example: flyball sandbox advance 2h",
    no_args_is_help=True,
)

_SPAN_MAX_S = 366 * 86_400

TITLES = ("NAMESPACE", "NAME", "READY", "CPU", "REQUESTED", "P95", "OOM", "HPA", "OWNER")

Seed = Annotated[int, typer.Option("--seed", help="The seed of the noise in its demand.")]
Span = Annotated[str, typer.Argument(help="How long, e.g. 90s, 2h, 1d12h.")]
History = Annotated[
    str | None, typer.Option("--history", help="The length of the simulated history, e.g. 7d.")
]
Still = Annotated[
    bool, typer.Option("--still", help="Move the world alone: no agent of the policy works meanwhile.")
]
Name = Annotated[str, typer.Option("--world", help="Which of the shipped worlds: shop or night.")]
File = Annotated[Path, typer.Argument(help="Manifests in YAML or JSON.")]


@app.command()
@command
def reset(opts: Options, seed: Seed = 1, history: History = None, world: Name = "shop") -> None:
    """Start a new simulated world, as another cluster. Example: flyball sandbox reset --history 7d"""
    from sandbox.api.errors import WorldDamaged
    from sandbox.manifest_files import shipped_world
    from sandbox.world import HISTORY_S

    past_s = HISTORY_S if history is None else seconds_of(history, "--history")
    made, begun = shipped_world(_shipped(world)), _world(opts, new=True)
    with _moving("reset") as progress:
        try:
            begun.reset(made, seed=seed, history_s=past_s, progress=progress)
        except WorldDamaged as e:
            note(f"{e.what}\n  moved aside: {begun.set_aside()}")
            begun.reset(made, seed=seed, history_s=past_s, progress=progress)
    facts = _facts(begun)
    if opts.json:
        document({"kind": "SandboxWorld", **facts})
        return
    say(f"sandbox  a new world: cluster {facts['cluster_uid']}, seed {seed}, {_shown(facts['world_ms'])}")
    advise("  look: flyball sandbox status")


@app.command()
@command
def advance(opts: Options, span: Span, still: Still = False) -> None:
    """Advance virtual time, with the agents that have schedules. Example: flyball sandbox advance 14d"""
    from flyball.cli.sandbox.unattended import lived, scheduled

    seconds = seconds_of(span, "SPAN")
    happened = None if still or not scheduled(opts) else lived(opts, seconds)
    world = _world(opts)
    if happened is None:
        with _moving("advance") as progress:
            world.advance(seconds, progress)
    facts = _facts(world)
    if opts.json:
        told = {} if happened is None else {"happened": happened.document()}
        document({"kind": "SandboxWorld", **facts, "advanced_s": seconds, **told})
        return
    say(f"sandbox  advanced {span}: {_shown(facts['world_ms'])}")
    if happened:
        say(f"sandbox  meanwhile {happened}")


@app.command()
@command
def load(opts: Options, file: File) -> None:
    """Add or change objects, as kubectl apply does. Example: flyball sandbox load shop.yaml"""
    from sandbox.api.errors import ApiError, SandboxError, WorldUnavailable
    from sandbox.manifest_files import read

    try:
        touched = _world(opts).load(read(file))
    except WorldUnavailable:
        raise
    except SandboxError as e:
        raise UsageError(e.what, where=e.where or str(file), hint=e.hint) from e
    except ApiError as e:
        raise UsageError(e.message, where=str(file), hint="nothing of the file was loaded") from e
    if opts.json:
        items = [{"kind": k.kind, "namespace": k.namespace, "name": k.name} for k in touched]
        document({"kind": "SandboxLoad", "items": items})
        return
    for key in touched:
        say(f"sandbox{'/' + key.namespace if key.namespace else ''}  {key.kind}/{key.name} loaded")


@app.command()
@command
def status(opts: Options) -> None:
    """Show the world's time and its workloads. Example: flyball sandbox status"""
    world = _world(opts)
    facts, items = _facts(world), _workloads(world)
    if opts.json:
        document({"kind": "SandboxWorld", **facts, "items": items})
        return
    say(f"sandbox  {_shown(facts['world_ms'])}; cluster {facts['cluster_uid']}, seed {facts['seed']}")
    for line in table(TITLES, [_row(w) for w in items]):
        say(line)


def _row(w: dict[str, Any]) -> tuple[Any, ...]:
    from tools.diagnosis.figures import shown

    ready = f"{w['ready']}/{w['replicas']}" + (f" ({w['pending']} pending)" if w["pending"] else "")
    latency = None if w["latency_p95_us"] is None else shown(w["latency_p95_us"], "us")
    hpa = w["autoscaler"]
    bounds = (
        None if hpa is None else f"{hpa['minimum']}-{hpa['maximum']}" + (" limited" if hpa["limited"] else "")
    )
    return (
        w["namespace"], w["workload"], ready, w["cpu"], w["cpu_requested"], latency, w["oom_kills"], bounds,
        w["owner"],
    )  # fmt: skip


def _shipped(world: str) -> str:
    """Raises UsageError."""
    from sandbox.manifest_files import WORLDS

    if world not in WORLDS:
        raise UsageError(f"there is no world `{world}`", where="--world", hint=f"worlds: {', '.join(WORLDS)}")
    return world


def seconds_of(span: str, where: str) -> int:
    """A span of virtual time in seconds. Raises UsageError."""
    seconds = span_s(span, where)
    if seconds > _SPAN_MAX_S:
        raise UsageError(f"`{span}` is longer than 366d", where=where, hint="advance in several steps")
    return seconds


@contextmanager
def _moving(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress of what is done whole or not at all."""
    with watched(what) as progress:
        try:
            yield progress
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"nothing of the {what} was done, the world is as it was") from None


def _world(opts: Options, *, new: bool = False) -> "World":
    from flyball.open_log import open_world
    from flyball.place import SANDBOX, Place
    from sandbox.world import World

    place = Place(SANDBOX, "", opts.settings.state / "sandbox")
    return World(place.folder) if new else open_world(place)


def _facts(world: "World") -> dict[str, Any]:
    world_ms = world.now_ms()
    return {
        "world_ms": world_ms,
        "world_time": instant(world_ms),
        "cluster_uid": world.cluster_uid(),
        "seed": world.seed(),
    }


def _shown(world_ms: int) -> str:
    """World time is always UTC: its days begin where its demand's do."""
    return datetime.fromtimestamp(world_ms / 1000, UTC).strftime("%a %Y-%m-%d %H:%M UTC")


def _workloads(world: "World") -> list[dict[str, Any]]:
    import asyncio

    from sandbox.cluster import SimulatedCluster
    from sandbox.metrics import SimulatedMetrics

    async def look() -> list[dict[str, Any]]:
        cluster, metrics = SimulatedCluster(world), SimulatedMetrics(world)
        return [await _workload(cluster, metrics, one) for one in await cluster.list_workloads(None)]

    return asyncio.run(look())


async def _workload(
    cluster: "SimulatedCluster", metrics: "SimulatedMetrics", one: "Workload"
) -> dict[str, Any]:
    from base.quantities import format_millicores
    from tools.metrics.types import Metric

    samples, now_ms = await cluster.usage(one.target), cluster.world.now_ms()
    used = sum(cpu for s in samples for cpu, _ in s.containers.values())
    asked = sum(c.resources.cpu_request or 0 for c in one.containers) * one.replicas
    pods, hpa = await cluster.pods(one.target), await cluster.autoscaler(one.target)
    figures = {
        m: (await metrics.latest(m, one.target, now_ms)).v for m in (Metric.LATENCY_P95, Metric.OOM_KILLS)
    }
    return {
        "namespace": one.target.namespace,
        "workload": str(one.target),
        "replicas": one.replicas,
        "ready": one.ready,
        "pending": sum(p.phase == "Pending" and p.node is None for p in pods),
        "cpu": format_millicores(used) if samples else None,
        "cpu_requested": format_millicores(asked),
        "latency_p95_us": figures[Metric.LATENCY_P95],
        "oom_kills": figures[Metric.OOM_KILLS],
        "autoscaler": None if hpa is None else {
            "name": hpa.name, "minimum": hpa.minimum, "maximum": hpa.maximum, "current": hpa.current,
            "desired": hpa.desired, "limited": hpa.limited,
        },
        "owner": one.owner,
    }  # fmt: skip
