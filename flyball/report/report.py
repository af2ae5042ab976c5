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
BASELINE = "hpa-70"


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
            "refused": dict(self.deeds.refused),
            "asked": self.deeds.asked,
            "left_alone": {why: list(names) for why, names in self.deeds.left.items()},
            "prices": {"name": self.prices.name, "currency": self.prices.currency},
            "total": [self._bill(bill) for bill in self.costs.total()],
            "workloads": {
                f"{c.target.namespace}/{c.target}": [self._bill(bill) for bill in c.bills]
                for c in self.costs.courses
            },
            "missing": dict(self.costs.missing),
            "note": NODES,
        }

    def _bill(self, bill: "Bill") -> dict[str, Any]:
        return {
            "name": bill.name,
            "core_hours": f"{bill.core_hours:.2f}",
            "cost": str(self.prices.of_cores(bill.core_hours)),
            "violated_minutes": bill.violated,
            "known_minutes": bill.known,
            "changes": bill.changed,
        }


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
    }
