"""An installation on the simulated cluster, put together by the real wiring, for attacks on its governed path."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from flyball.settings import load
from flyball.wiring import App, open_app
from policies.types import Mode, Principal, Request
from tools.actions import registry
from tools.path.requests import build
from tools.toolbox.port import Call, Card

__all__ = [
    "LOCAL",
    "OPS",
    "App",
    "allow",
    "ask",
    "deny",
    "doc",
    "flags",
    "installation",
    "kinds",
    "proposed",
    "replicas",
    "scale",
    "target",
    "within",
    "write_policy",
]

T = TypeVar("T")
Doc = dict[str, Any]


def flags(folder: Path, policies: Path | None = None) -> dict[str, str | None]:
    given = str(policies) if policies else None
    state, pinned = str(folder / "state"), str(folder / "pinned")
    base = "no" if policies else None
    return {"context": "sandbox", "state": state, "pinned": pinned, "policies": given, "base": base}


@asynccontextmanager
async def installation(folder: Path, policies: Path | None = None) -> AsyncIterator[App]:
    async with open_app(load(flags(folder, policies))) as app:
        yield app


def within(folder: Path, work: Callable[[App], Awaitable[T]], policies: Path | None = None) -> T:
    """Open, do the work, close."""

    async def run() -> T:
        async with installation(folder, policies) as app:
            return await work(app)

    return asyncio.run(run())


async def ask(app: App, name: str, arguments: str | Mapping[str, Any], **given: Any) -> Card:
    """A model's tool call; text goes as it is."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    usual = {
        "principal": app.agent("agent:ops"),
        "namespace": "shop",
        "mode": "live",
        "request_id": uuid.uuid4().hex,
    }
    return await app.toolbox.call(Call(name, text, **{**usual, **given}))


def scale(replicas: int, workload: str = "deployment/web") -> dict[str, Any]:
    return {"workload": workload, "replicas": replicas, "current_replicas": None}


def proposed(
    app: App, replicas: int, *, who: Principal | None = None, mode: Mode = "live", **more: Any
) -> Request:
    """A request to scale web as the path itself builds one."""
    return build(
        "scale",
        registry.parse(registry.action("scale").args, scale(replicas)),
        id=uuid.uuid4().hex,
        principal=who or app.identity.by_hand(),
        cluster="sandbox",
        namespace="shop",
        mode=mode,
        **more,
    )


async def replicas(app: App, name: str = "web") -> int:
    """What the cluster itself says, past everything."""
    found = await app.context.reader.list_workloads("shop")
    return next(w.replicas for w in found if w.target.name == name)


async def kinds(app: App) -> list[str]:
    return [entry.record.kind for entry in await app.log.find()]


def write_policy(folder: Path, documents: Sequence[Doc]) -> Path:
    """A folder of one policy file; `...` ends it, as the loader wants."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n---\n".join(json.dumps(one) for one in documents) + "\n...\n"
    (folder / "policy.yaml").write_text(text, encoding="utf-8")
    return folder


def doc(kind: str, name: str, spec: Doc, **more: Any) -> Doc:
    return {"apiVersion": "flyball/v1", "kind": kind, "metadata": {"name": name}, "spec": spec, **more}


def target(**more: Any) -> Doc:
    return {"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["*"], **more}


LOCAL = doc("RoleBinding", "local", {"subjects": ["group:local"], "role": "operator", "clusters": ["*"]})
OPS = doc("Agent", "ops", {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"})


def allow(name: str, actions: Sequence[str], where: Doc | None = None, **spec: Any) -> Doc:
    base = {"roles": ["operator"], "actions": list(actions), "target": where or target(), "effect": "allow"}
    return doc("ActionPolicy", name, {**base, **spec})


def deny(name: str, actions: Sequence[str], where: Doc, role: str = "everyone") -> Doc:
    spec = {"roles": [role], "actions": list(actions), "target": where, "effect": "deny"}
    return doc("ActionPolicy", name, spec)
