"""The report of unattended tuning over a span: deeds, costs and prices, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from base.instants import utc_text
from flyball.report.costs import Costs, costs
from flyball.report.deeds import Deed, Deeds, deeds

if TYPE_CHECKING:
    from flyball.report.prices import Prices
    from flyball.wiring import App
    from forecasting.savings import Bill

NODES = "freed requests become money only where nodes leave; nodes are not looked at"
ACTUAL = "actual"


@dataclass(frozen=True, slots=True)
class Against:
    """What a peer would have requested more (core-hours, and GiB-hours where memory is known), and violated more
    (minutes); negative: less."""

    peer: str
    freed: float
    spared: int
    freed_gib: float | None = None

    def sentence(self, prices: "Prices") -> str:
        """Requests and minutes, and apart from them what the requests would be worth."""
        freed = f"{abs(self.freed):.1f} core-hours of requests {'freed' if self.freed >= 0 else 'more'}"
        if self.freed_gib is not None:
            freed += f", {abs(self.freed_gib):.1f} GiB-hours {'freed' if self.freed_gib >= 0 else 'more'}"
        slo = f"{abs(self.spared)} SLO minutes {'fewer' if self.spared > 0 else 'more'}"
        slo = slo if self.spared else "as many SLO minutes"
        worth = prices.of(self.freed, self.freed_gib)
        left = "saved only where nodes leave" if worth >= 0 else "dearer where nodes come"
        return f"against {self.peer}: {freed}, {slo}; {abs(worth)} {prices.currency} {left}"

    def document(self, prices: "Prices") -> dict[str, Any]:
        """`freed_core_hours` and `freed_gib_hours` are requests, `worth` is their money where nodes leave for it, and
        nobody has looked."""
        return {
            "peer": self.peer,
            "freed_core_hours": f"{self.freed:.2f}",
            "freed_gib_hours": None if self.freed_gib is None else f"{self.freed_gib:.2f}",
            "worth_where_nodes_leave": str(prices.of(self.freed, self.freed_gib)),
            "violated_minutes_fewer": self.spared,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """From `since_ms` to `until_ms` (the world's Unix ms)."""

    place: str
    since_ms: int
    until_ms: int
    deeds: Deeds
    costs: Costs
    prices: "Prices"

    def document(self) -> dict[str, Any]:
        """For a program. Money and core-hours are decimal texts, so that nobody adds binary fractions."""
        return {
            "kind": "TuneReport",
            "since": utc_text(self.since_ms),
            "until": utc_text(self.until_ms),
            "runs": self.deeds.runs,
            "changes": [_change(deed) for deed in self.deeds.changes],
            "verdicts": dict(self.deeds.verdicts()),
            "refused": {
                by: {"times": one.times, "workloads": list(one.names), "why": one.said}
                for by, one in self.deeds.refused.items()
            },
            "asked": self.deeds.asked,
            "left_alone": {why: list(names) for why, names in self.deeds.left.items()},
            "prices": {"name": self.prices.name, "currency": self.prices.currency},
            "against": [one.document(self.prices) for one in self.against()],
            "total": [self._bill(bill) for bill in self.costs.total()],
            "workloads": {
                f"{c.target.namespace}/{c.target}": [self._bill(bill) for bill in c.bills]
                for c in self.costs.courses
            },
            "missing": dict(self.costs.missing),
            "note": NODES,
        }

    def against(self) -> "list[Against]":
        """What was other than each peer would have made it; none where nothing is known."""
        bills = self.costs.total()
        actual = next((bill for bill in bills if bill.name == ACTUAL), None)
        if actual is None:
            return []
        return [
            Against(
                bill.name,
                bill.core_hours - actual.core_hours,
                bill.violated - actual.violated,
                _more(bill.gib_hours, actual.gib_hours),
            )
            for bill in bills
            if bill.name != ACTUAL
        ]

    def _bill(self, bill: "Bill") -> dict[str, Any]:
        return {
            "name": bill.name,
            "core_hours": f"{bill.core_hours:.2f}",
            "gib_hours": None if bill.gib_hours is None else f"{bill.gib_hours:.2f}",
            "cost": str(self.prices.of(bill.core_hours, bill.gib_hours)),
            "violated_minutes": bill.violated,
            "known_minutes": bill.known,
            "changes": bill.changed,
        }


def _more(than: float | None, there: float | None) -> float | None:
    return None if than is None or there is None else than - there


async def report(app: "App", span_s: int, prices: "Prices") -> Report:
    """What was done in the last `span_s` seconds, and what it came to; what metrics cannot say is told among
    `costs.missing`. Raises what the log raises."""
    now_ms = app.context.now_ms()
    since_ms = now_ms - span_s * 1000
    done = await deeds(app, since_ms)
    found = await costs(app, done.touched, span_s)
    return Report(str(app.place), since_ms, now_ms, done, found, prices)


def _change(deed: "Deed") -> Mapping[str, Any]:
    return {
        "record": deed.record,
        "at": utc_text(deed.at_ms),
        "agent": deed.agent,
        "namespace": deed.namespace,
        "workload": deed.target,
        "action": deed.action,
        "change": deed.diff,
        "strategy": deed.strategy or None,
        "verdict": deed.verdict,
        "why": deed.why or None,
    }
