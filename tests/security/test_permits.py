"""Threats 24, 26: a writer opens for a live permit of the gate, for its object, once; nothing else is one."""

import asyncio
import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from audit.clock import SystemClock
from policies.permit import Permit
from sandbox.writer import SimulatedWriter
from tests.kit.installation import App, installation, proposed, replicas
from tools.cluster.writer import KubernetesWriter
from tools.cluster_types import Patch, Precondition, Workload
from tools.errors import NeverHappened

FIVE = Patch("scale", {"spec": {"replicas": 5}})


async def _minted(app: App, mode: Any = "live") -> tuple[Permit, Workload]:
    """A real permit of the gate: what it decides on a preview, before anything is claimed."""
    request = proposed(app, 5, mode=mode)
    decision, _ = await app.executor.preview(request)
    assert decision.permit is not None
    return decision.permit, await app.context.reader.read(request.target)


def _send(writer: Any, permit: Any, seen: Workload, **other: Any) -> Any:
    target = other.get("target", seen.target)
    return writer.apply(permit, "intent-1", target, FIVE, Precondition(seen.uid, seen.resource_version))


REPLACED: dict[str, dict[str, Any]] = {
    "mode": {"mode": "live"},
    "nonce": {"nonce": "fresh"},
    "expiry": {"expires_ms": 2**52},
    "target": {"target_key": "sandbox/kube-system/deployment/coredns"},
    "request": {"request_digest": "0" * 64},
    "view": {"view_digest": "0" * 64},
}


def test_no_field_of_a_minted_permit_can_be_replaced(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            permit, _ = await _minted(app, "dry_run")
            for changes in REPLACED.values():
                with pytest.raises(TypeError, match="minted by the gate"):
                    dataclasses.replace(permit, **changes)

    asyncio.run(run())


CONSTRUCTED: dict[str, Callable[[], object]] = {
    "bare": lambda: Permit("0" * 64, "0" * 64, "k", "live", "n", 2**52),
    "guessed-seal": lambda: Permit("0" * 64, "0" * 64, "k", "live", "n", 2**52, b"\0" * 32),
    "object-as-seal": lambda: Permit("0" * 64, "0" * 64, "k", "live", "n", 2**52, object()),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_nobody_else_makes_a_permit(name: str) -> None:
    with pytest.raises(TypeError):
        CONSTRUCTED[name]()


@dataclass
class LooksLikeOne:
    target_key: str
    mode: str = "live"
    nonce: str = "n"
    expires_ms: int = 2**52
    request_digest: str = ""
    view_digest: str = ""


def _writers(app: App) -> list[Any]:
    """The Kubernetes writer has no connection here: whatever it does not refuse fails as AttributeError."""
    assert app.world is not None
    return [SimulatedWriter(app.world), KubernetesWriter(None, app.context.clock)]  # type: ignore[arg-type]


def test_a_writer_takes_nothing_that_only_looks_like_a_permit(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            _, seen = await _minted(app)
            for writer in _writers(app):
                for fake in (
                    None,
                    True,
                    "permit",
                    object(),
                    LooksLikeOne(seen.target.key),
                    dataclasses.asdict,
                ):
                    with pytest.raises(NeverHappened) as refused:
                        await _send(writer, fake, seen)
                    assert refused.value.code == "PermitInvalid"
            assert await replicas(app) == 4

    asyncio.run(run())


FIELDS = ("mode", "nonce", "expires_ms", "target_key", "request_digest", "view_digest", "_seal")


def test_a_writer_refuses_a_permit_that_was_changed_under_its_frozen_face(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for field in FIELDS:
                permit, seen = await _minted(app, "dry_run")
                value: Any = {"mode": "live", "expires_ms": 2**52, "_seal": b"\0" * 32}.get(field, "x")
                object.__setattr__(permit, field, value)
                for writer in _writers(app):
                    with pytest.raises(NeverHappened) as refused:
                        await _send(writer, permit, seen)
                    assert refused.value.code == "PermitInvalid", field
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_writer_refuses_the_permit_for_another_object(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            permit, seen = await _minted(app)
            for writer in _writers(app):
                for change in ({"name": "search"}, {"namespace": "billing"}, {"kind": "statefulset"}):
                    other = seen.target.model_copy(update=change)
                    with pytest.raises(NeverHappened) as refused:
                        await _send(writer, permit, seen, target=other)
                    assert refused.value.code == "PermitForeign"
            assert await replicas(app) == 4
            assert await replicas(app, "search") == 6

    asyncio.run(run())


def test_a_permit_is_spent_by_its_use_also_as_a_copy(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            permit, seen = await _minted(app)
            assert app.world is not None
            writer = SimulatedWriter(app.world)
            await _send(writer, permit, seen)
            now = await app.context.reader.read(seen.target)
            for again in (permit, copy.copy(permit), copy.deepcopy(permit)):
                with pytest.raises(NeverHappened) as refused:
                    await _send(writer, again, now)
                assert refused.value.code == "PermitSpent"

    asyncio.run(run())


def test_a_dry_run_permit_writes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            permit, seen = await _minted(app, "dry_run")
            assert app.world is not None
            await _send(SimulatedWriter(app.world), permit, seen)
            live, _ = await _minted(app)
            await _send(SimulatedWriter(app.world), live.rehearsal(), seen)
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_permit_expires(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            permit, seen = await _minted(app)
            assert app.world is not None
            app.world.advance(61)
            with pytest.raises(NeverHappened) as refused:
                await _send(SimulatedWriter(app.world), permit, seen)
            assert refused.value.code == "PermitExpired"
            with pytest.raises(NeverHappened) as refused:
                await _send(KubernetesWriter(None, SystemClock()), permit, seen)  # type: ignore[arg-type]
            assert refused.value.code == "PermitExpired"
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_permit_does_not_survive_its_process(tmp_path: Path) -> None:
    """The seal's key is the process's own: bytes that are carried elsewhere are no permit there."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            permit, _ = await _minted(app)
            carried = pickle.dumps(permit)
            code = "import pickle, sys; p = pickle.load(sys.stdin.buffer); p.rehearsal(); p.__post_init__()"
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            _, err = await process.communicate(carried)
            assert process.returncode != 0
            assert b"minted by the gate" in err

    asyncio.run(run())
