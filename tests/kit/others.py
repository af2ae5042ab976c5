"""What others do to web of the simulated shop while an agent is at work on it: by hand, past everything of ours."""

from collections.abc import Callable
from typing import Any

from flyball.wiring import App
from sandbox.api.apiserver import Write
from sandbox.api.store import Key
from sandbox.world import World

WEB = Key("deployment", "shop", "web")
Happening = Callable[[App], None]


def world_of(app: App) -> World:
    """The world of an installation on the simulated cluster."""
    assert app.world is not None
    return app.world


def pause(app: App) -> None:
    """`kubectl rollout pause`."""
    _patch(app, {"spec": {"paused": True}})


def resume(app: App) -> None:
    """`kubectl rollout resume`."""
    _patch(app, {"spec": {"paused": False}})


def roll_out(app: App) -> None:
    """Another version: each pod is replaced."""
    _patch(app, {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}})


def delete(app: App) -> None:
    """It is gone, and its pods with it."""
    world_of(app).delete(WEB)


def make_anew(app: App) -> None:
    """Deleted, and made again under its name: another object, of another UID."""
    delete(app)
    world_of(app).load([_manifest()])


def _patch(app: App, body: dict[str, Any]) -> None:
    world_of(app).send(Write("patch", WEB, "", body, "kubectl", "by-hand"))


def _manifest() -> dict[str, Any]:
    labels = {"app": "web"}
    container = {
        "name": "web",
        "image": "registry.invalid/web:2",
        "resources": {"requests": {"cpu": "250m", "memory": "128Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": labels},
        "spec": {"replicas": 4, "selector": {"matchLabels": labels}, "template": template},
    }
