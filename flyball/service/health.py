"""How a service stands: alive, ready, and what its duties do. The details are for its own user only."""

import asyncio
import json
import os
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

from base.errors import FlyballError
from flyball import __version__
from flyball.service.http_server import Answer
from flyball.service.rota import Rota, Turn
from flyball.wiring import App

Role = Literal["standby", "active", "stopping"]
CHECK_S = 5.0
"""A part that does not answer within this time is not there."""
_KEPT_US = 2_000_000
"""An answer holds that long, so that nobody can make the service ask the cluster without end."""


class Health:
    """Of one process. `role` and `rota` are set by the service as it goes."""

    def __init__(self, app: App) -> None:
        self.role: Role = "standby"
        self.rota: Rota | None = None
        self._app, self._since_ms = app, app.context.clock.wall_ms()
        self._checked: tuple[int, dict[str, str]] | None = None

    async def public(self, path: str) -> Answer:
        """`/healthz` and `/readyz`, which tell no more than which part is missing: for any address."""
        if path == "/healthz":
            return Answer(HTTPStatus.OK, "ok\n")
        if path == "/readyz":
            missing = [name for name, problem in (await self.problems()).items() if problem]
            if missing:
                return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {', '.join(missing)}\n")
            return Answer(HTTPStatus.OK, "ok\n")
        return Answer(HTTPStatus.NOT_FOUND, "no such page\n")

    async def private(self, path: str) -> Answer:
        """The same; `/status` with everything, and `/standing` without asking log and cluster first. For the user's
        own socket."""
        if path == "/status":
            return _json({**self.standing(), "ready": await self.problems()})
        if path == "/standing":
            return _json(self.standing())
        return await self.public(path)

    def standing(self) -> dict[str, Any]:
        """Who this is and what its duties do. Times of duties are gate times."""
        turns = self.rota.turns if self.rota is not None else ()
        return {
            "pid": os.getpid(),
            "version": __version__,
            "cluster": self._app.place.context,
            "role": self.role,
            "since": _instant(self._since_ms),
            "duties": [_duty(turn) for turn in turns],
        }

    async def problems(self) -> dict[str, str]:
        """What keeps it from working, by part; empty texts where nothing does."""
        now_us = self._app.context.clock.mono_us()
        if self._checked is None or now_us - self._checked[0] > _KEPT_US:
            checks = {
                "log": self._log(),
                "policy": self._policy(),
                "cluster": self._cluster(),
                "jobs": self._jobs(),
            }
            found = [await _problem(check) for check in checks.values()]
            self._checked = now_us, dict(zip(checks, found, strict=True))
        return self._checked[1]

    async def _log(self) -> None:
        await self._app.log.find(newest_first=True, limit=1)

    async def _policy(self) -> None:
        await self._app.context.gate()
        if (problem := self._app.context.policy.problem) is not None:
            raise problem

    async def _cluster(self) -> None:
        await self._app.context.pinned()

    async def _jobs(self) -> None:
        await self._app.jobs.schedules()


def _json(document: dict[str, Any]) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(document), "application/json")


async def _problem(check: Any) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await check
    except FlyballError as e:
        return e.said
    except TimeoutError:
        return "no answer"
    return ""


def _duty(turn: Turn) -> dict[str, Any]:
    return {
        "name": turn.duty.name,
        "running": turn.running,
        "runs": turn.runs,
        "last": _instant(turn.last_ms) if turn.last_ms is not None else None,
        "next": _instant(turn.next_ms) if turn.next_ms else None,
        "problem": turn.problem,
    }


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
