"""`flyball sandbox reset|advance|load|status`: the simulated cluster, whose time moves only when told."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.exits import UsageError
from flyball.cli.options import Options, command
from flyball.cli.output import document, say, table

if TYPE_CHECKING:
    from sandbox.world import World

app = typer.Typer(
    help="Reset, advance, load or show the simulated cluster. Example: flyball sandbox advance 2h",
    no_args_is_help=True,
)

_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_UNITS_S = (86_400, 3_600, 60, 1)
_SPAN_MAX_S = 366 * 86_400

Seed = Annotated[int, typer.Option("--seed", help="What the noise in its demand follows from.")]
Span = Annotated[str, typer.Argument(help="How long, e.g. 90s, 2h, 1d12h.")]
File = Annotated[Path, typer.Argument(help="Manifests in YAML or JSON.")]


@app.command()
@command
def reset(opts: Options, seed: Seed = 1) -> None:
    """Begin a new world, as another cluster. Example: flyball sandbox reset"""
    world = _world(opts, new=True)
    world.reset(seed=seed)
    facts = _facts(world)
    if opts.json:
        document({"kind": "SandboxWorld", **facts})
        return
    say(f"sandbox  a new world: cluster {facts['cluster_uid']}, seed {seed}, {_shown(facts['world_ms'])}")
    say("  look: flyball sandbox status")


@app.command()
@command
def advance(opts: Options, span: Span) -> None:
    """Let virtual time pass. Example: flyball sandbox advance 2h"""
    seconds = seconds_of(span)
    world = _world(opts)
    world.advance(seconds)
    facts = _facts(world)
    if opts.json:
        document({"kind": "SandboxWorld", **facts, "advanced_s": seconds})
        return
    say(f"sandbox  advanced {span}: {_shown(facts['world_ms'])}")


@app.command()
@command
def load(opts: Options, file: File) -> None:
    """Add or change objects, as kubectl apply does. Example: flyball sandbox load shop.yaml"""
    from sandbox.errors import ApiError, SandboxError
    from sandbox.manifests import read

    try:
        touched = _world(opts).load(read(file))
    except SandboxError as e:
        raise UsageError(e.what, where=e.where or str(file), mend=e.mend) from e
    except ApiError as e:
        raise UsageError(e.message, where=str(file), mend="nothing of the file was loaded") from e
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
    titles = ("NAMESPACE", "NAME", "READY", "CPU", "REQUESTED", "OWNER")
    rows = [
        (
            w["namespace"],
            w["workload"],
            f"{w['ready']}/{w['replicas']}",
            w["cpu"],
            w["cpu_requested"],
            w["owner"],
        )
        for w in items
    ]
    for line in table(titles, rows):
        say(line)


def seconds_of(span: str) -> int:
    """A span of virtual time in seconds. Raises UsageError."""
    found = _SPAN.fullmatch(span)
    if not span or found is None:
        raise UsageError(f"`{span}` is no span of time", mend="such as 90s, 2h or 1d12h")
    seconds = sum(int(n or 0) * unit for n, unit in zip(found.groups(), _UNITS_S, strict=True))
    if seconds > _SPAN_MAX_S:
        raise UsageError(f"`{span}` is longer than 366d", mend="advance in several steps")
    return seconds


def _world(opts: Options, *, new: bool = False) -> "World":
    from sandbox.world import World

    folder = opts.settings.state / "sandbox"
    return World(folder) if new else World.open(folder)


def _facts(world: "World") -> dict[str, Any]:
    world_ms = world.now_ms()
    at = datetime.fromtimestamp(world_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"world_ms": world_ms, "world_time": at, "cluster_uid": world.cluster_uid(), "seed": world.seed()}


def _shown(world_ms: int) -> str:
    """World time is always UTC: its days begin where its demand's do."""
    return datetime.fromtimestamp(world_ms / 1000, UTC).strftime("%a %Y-%m-%d %H:%M UTC")


def _workloads(world: "World") -> list[dict[str, Any]]:
    import asyncio

    from sandbox.cluster import SimulatedCluster
    from tools.cluster.quantity import format_millicores

    async def look() -> list[dict[str, Any]]:
        cluster = SimulatedCluster(world)
        found = []
        for one in await cluster.list_workloads(None):
            samples = await cluster.usage(one.target)
            used = sum(cpu for s in samples for cpu, _ in s.containers.values())
            asked = sum(c.resources.cpu_request or 0 for c in one.containers) * one.replicas
            found.append(
                {
                    "namespace": one.target.namespace,
                    "workload": str(one.target),
                    "replicas": one.replicas,
                    "ready": one.ready,
                    "cpu": format_millicores(used) if samples else None,
                    "cpu_requested": format_millicores(asked),
                    "owner": one.owner,
                }
            )
        return found

    return asyncio.run(look())
