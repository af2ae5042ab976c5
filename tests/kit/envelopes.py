"""Leases and moves on the simulated cluster, as the path itself builds them; a policy that lets them."""

import uuid
from collections.abc import Callable
from typing import Any

from base.instants import utc_text
from policies.types import Principal, Request
from tests.kit.installation import LOCAL, OPS, App, allow, doc
from tools.actions import registry
from tools.path.outcome import Applied, Result
from tools.path.requests import build
from tools.path.undo import proposal

FAR = "2030-06-01T00:00:00Z"
TERMS = {"longest": "8h", "cooldown": "1m", "moves": "30/h", "maxStep": 3}
LIMITS = {"minReplicas": {"min": 2, "max": 8}, "maxReplicas": {"min": 2, "max": 12}}
LEASES = allow("leases", ["set_envelope", "end_envelope"], limits=LIMITS, envelope=TERMS)
SCALES = allow("scales", ["scale"], limits={"replicas": {"min": 1, "max": 10}}, cooldown="30m")
OTHER = doc("Agent", "other", {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"})
POLICY = [LOCAL, OPS, OTHER, LEASES, SCALES, allow("reads", ["read"])]


def lease(
    app: App, low: int | None = 3, high: int | None = 7, *, who: Principal | None = None, **more: Any
) -> Request:
    """A lease for agent:ops of an hour; with low=None its end."""
    until = None if low is None else utc_text(app.context.now_ms() + more.pop("seconds", 3600) * 1000)
    fields = {"workload": "deployment/web", "min_replicas": low, "max_replicas": high, "until": until}
    args = {**fields, "floor": more.pop("floor", 4), "agent": more.pop("agent", "agent:ops")}
    return _built(app, "set_envelope", args, who or app.agent("agent:ops"), **more)


def move(app: App, replicas: int, under: str | None, *, who: Principal | None = None, **more: Any) -> Request:
    """A move of web to so many replicas, under an envelope's intent."""
    args = {
        "workload": more.pop("workload", "deployment/web"),
        "replicas": replicas,
        "current_replicas": None,
    }
    return _built(app, "scale", args, who or app.agent("agent:ops"), under=under, **more)


def _built(app: App, tool: str, args: dict[str, Any], who: Principal, **more: Any) -> Request:
    parsed = registry.parse(registry.action(tool).args, args)
    usual = {
        "id": uuid.uuid4().hex,
        "principal": who,
        "cluster": "sandbox",
        "namespace": "shop",
        "mode": "live",
    }
    return build(tool, parsed, **{**usual, **more})


async def leased(app: App, *given: Any, **more: Any) -> Applied:
    """An envelope that is in force; the envelope's own cooldown has passed."""
    done = await app.executor.execute(lease(app, *given, **more))
    assert isinstance(done, Applied), done
    pass_time(app, 60)
    return done


async def moved(app: App, replicas: int, under: str | None, **more: Any) -> Result:
    return await app.executor.execute(move(app, replicas, under, **more))


async def undone(app: App, record: int) -> Result:
    who = app.agent("agent:ops")
    request = await proposal(app.context, record, id=uuid.uuid4().hex, principal=who, mode="live")
    return await app.executor.execute(request)


def pass_time(app: App, seconds: int) -> None:
    assert app.world is not None
    app.world.advance(seconds)


def annotate(app: App, text: str | None, then: Callable[[], None] = lambda: None, name: str = "web") -> None:
    """As anybody with kubectl."""
    from sandbox.api.apiserver import Write
    from sandbox.api.store import Key

    assert app.world is not None
    body = {"metadata": {"annotations": {"flyball.io/envelope": text}}}
    app.world.send(Write("patch", Key("deployment", "shop", name), "", body, "kubectl-annotate", "by-hand"))
    then()
