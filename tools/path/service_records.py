"""The records of what runs by itself: that a service began and ended, and which due time of a schedule had no run."""

from audit.log import Entry
from audit.record import Actor
from base.text import storable
from tools.path.context import Context

_MAX_WHY = 1024
_LOOK = 200
"""So many of the newest words of services are looked at, over all clusters that share the log."""


class ServiceRecords:
    """Drafts and commits them, each in a commit of its own. Everything raises LogUnavailable."""

    def __init__(self, context: Context, human: str) -> None:
        self._c = context
        self._service = Actor(type="system", id="flyball:serve", on_behalf_of=human)
        self._schedules = Actor(type="system", id="flyball:schedules", on_behalf_of=human)

    async def started(self, token: int) -> None:
        """This process works from now on; `token` is the fencing token of its lease. Says whether the one before it
        ended without a word."""
        before = await self._newest()
        killed = before is not None and before.record.kind == "service.started"
        why = f"the service of record {before.seq} ended without a word" if before and killed else None
        labels = {"cluster": self._c.cluster.name}
        record = self._c.log.draft(
            "service.started", actor=self._service, labels=labels, args={"token": token}, reason=why
        )
        await self._c.log.commit((record,))

    async def _newest(self) -> Entry | None:
        """The newest word of a service on this cluster; those of other clusters share the log."""
        found = await self._c.log.find(
            kinds=("service.started", "service.stopped"), newest_first=True, limit=_LOOK
        )
        mine = {"cluster": self._c.cluster.name}
        return next((entry for entry in found if entry.record.labels == mine), None)

    async def stopped(self, why: str) -> None:
        """This process works no longer, after all that it had begun has ended."""
        labels = {"cluster": self._c.cluster.name}
        record = self._c.log.draft("service.stopped", actor=self._service, labels=labels, reason=why)
        await self._c.log.commit((record,))

    async def missed(self, run_id: str, agent: str, first_ms: int, last_ms: int, why: str) -> None:
        """Due times of an agent's schedule, `first_ms` to `last_ms` in Unix ms of gate time, that had no run, or
        whose run failed. The same is told once, whoever tells it again after a death."""
        span, reason = {"first_ms": first_ms, "last_ms": last_ms}, storable(why, _MAX_WHY)
        for entry in await self._c.log.find(kinds=("schedule.missed",), run_id=run_id):
            if (entry.record.args, entry.record.reason) == (span, reason):
                return
        record = self._c.log.draft(
            "schedule.missed",
            actor=self._schedules,
            run_id=run_id,
            labels={"cluster": self._c.cluster.name, "agent": agent},
            args=span,
            reason=reason,
        )
        await self._c.log.commit((record,))
