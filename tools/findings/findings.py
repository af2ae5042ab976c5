"""The findings of one cluster in its log. That one is open is an integer, claimed in the commit that says so: of two
processes that foresee the same only one opens it, and none is opened again by a restart."""

from collections.abc import Sequence
from contextlib import suppress

from audit.errors import ClaimLost
from audit.log import Entry
from audit.record import MAX_TEXT, Record
from base.text import storable
from policies.claim_keys import FINDING
from policies.types import Claim, Principal, Target
from tools.findings.types import WHATS, Finding, OpenFinding, What
from tools.path.context import Context
from tools.path.journal import actor_of, resource_of


class Findings:
    """Opens and resolves. Raises LogUnavailable."""

    def __init__(self, context: Context) -> None:
        self._c = context

    async def opened(self) -> tuple[OpenFinding, ...]:
        """Those that are open now, the oldest first."""
        stored = await self._c.log.prefixed(FINDING.prefix)
        found = [await self._open(key, since) for key, since in stored.items() if since and self._here(key)]
        mine = [one for one in found if one is not None]
        return tuple(sorted(mine, key=lambda one: (one.since_ms, one.finding.target.path)))

    async def open(self, finding: Finding, who: Principal, run_id: str) -> Entry | None:
        """Record it; None where it is open already."""
        key, now = _key(finding.what, finding.target), self._c.now_ms()
        record = self._c.log.draft(
            "finding.opened",
            actor=actor_of(who),
            run_id=run_id,
            resource=resource_of(finding.target, None, self._c.cluster.uid),
            observation={"said": finding.said, "figures": dict(finding.figures)},
            labels=_labels(finding),
        )
        return await self._committed(record, (Claim("equals", key, 0), Claim("set", key, now)))

    async def resolve(self, one: OpenFinding, who: Principal, run_id: str, why: str) -> Entry | None:
        """Record that it is gone, and why; None where another process has."""
        key = _key(one.finding.what, one.finding.target)
        record = self._c.log.draft(
            "finding.resolved",
            actor=actor_of(who),
            run_id=run_id,
            resource=resource_of(one.finding.target, None, self._c.cluster.uid),
            observation={"said": why, "since_ms": one.since_ms, "opened": one.record},
            labels={"what": one.finding.what},
        )
        return await self._committed(record, (Claim("equals", key, one.since_ms), Claim("set", key, 0)))

    async def _committed(self, record: Record, claims: Sequence[Claim]) -> Entry | None:
        with suppress(ClaimLost):
            (entry,) = await self._c.log.commit((record,), claims)
            return entry
        return None

    def _here(self, key: str) -> bool:
        return FINDING.name_in(key).partition("/")[2].startswith(f"{self._c.cluster.name}/")

    async def _open(self, key: str, since_ms: int) -> OpenFinding | None:
        """The record behind the integer; None for one of another cluster, whose name begins with ours."""
        word, _, resource_key = FINDING.name_in(key).partition("/")
        entries = await self._c.log.find(
            kinds=("finding.opened",), resource_key=resource_key, newest_first=True, limit=len(WHATS) * 8
        )
        for entry in entries:
            record, labels = entry.record, entry.record.labels or {}
            where = record.resource
            if labels.get("what") == word and where and where.cluster == self._c.cluster.name:
                return OpenFinding(_finding(record), since_ms, entry.seq)
        return None


def _key(what: What, target: Target) -> str:
    return FINDING.of(f"{what}/{target.key}")


def _labels(finding: Finding) -> dict[str, str]:
    told = {"advice": finding.advice, "command": finding.command, "tried": finding.tried}
    return {"what": finding.what, **{key: storable(text, MAX_TEXT) for key, text in told.items() if text}}


def _finding(record: Record) -> Finding:
    """As a `finding.opened` holds it."""
    labels, seen, where = record.labels or {}, record.observation or {}, record.resource
    if where is None:
        raise ValueError(f"record {record.id} is about no workload")
    target = Target(cluster=where.cluster, namespace=where.namespace, kind=where.kind, name=where.name)
    (what,) = [one for one in WHATS if one == labels["what"]]
    told = {key: labels.get(key, "") for key in ("advice", "command", "tried")}
    return Finding(what, target, str(seen.get("said", "")), seen.get("figures", {}), **told)
