"""`flyball tune report`: what unattended tuning came to, on the terminal, as JSON, and as a page with plots."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, note, say, table, tone
from flyball.cli.kit.waiting import span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flyball.report.report import Report
    from flyball.wiring import App
    from forecasting.savings import Bill

Since = Annotated[str, typer.Option("--since", help="How far back: 12h, 7d.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write it as a page with plots into this file too.")
]
MOST_NAMES = 5
_VERDICTS = {"awaited": "not judged yet", "none": "not to be judged"}
LEAST_S, MOST_S = 3600, 28 * 86_400


@command
def report(opts: Options, since: Since = "7d", html: Html = None) -> None:
    """Show what unattended tuning came to. Example: flyball tune report --since 7d"""
    from flyball.cli.backtest import files
    from flyball.exits import UsageError
    from flyball.report import prices

    seconds = span(since, "--since")
    if not LEAST_S <= seconds <= MOST_S:
        raise UsageError(f"`{since}` is not from 1h to 28d", where="--since", hint="e.g. --since 7d")
    chosen = prices.load(Path(opts.settings["prices"]) if opts.settings["prices"] else None)
    if html is not None:
        files.check(html, ())

    async def work(app: "App") -> None:
        from flyball.report.report import report as made

        found = await made(app, seconds, chosen)
        if html is not None:
            from flyball.cli.tune.report_page import page

            files.write_one(html, page(found).encode())
        if opts.json:
            document(found.document())
            return
        for line in lines(found):
            say(line)
        if html is not None:
            note(f"written: {html}")
        advise("look: flyball tune history")

    opts.run(work)


def lines(found: "Report") -> list[str]:
    """For a person: the answer, the table, and what needs a look."""
    return [*_head(found), *_bills(found), *_worth_a_look(found)]


def _head(found: "Report") -> list[str]:
    deeds = found.deeds
    agents = len({deed.agent for deed in deeds.changes})
    verdicts = ", ".join(f"{n} {_VERDICTS.get(word, word)}" for word, n in deeds.verdicts().items())
    refused = sum(one.times for one in deeds.refused.values())
    return [
        f"{found.place}  tuning report  {_day(found.since_ms)} to {_day(found.until_ms)}",
        f"{_counted(deeds.runs, 'run')}; {_counted(len(deeds.changes), 'change')} by {_counted(agents, 'agent')}"
        + (f": {verdicts}" if verdicts else "")
        + f"; {refused} refused; {deeds.asked} asked a person",
    ]


def _bills(found: "Report") -> list[str]:
    from flyball.report.report import NODES

    total = {bill.name: bill for bill in found.costs.total()}
    if not total:
        return [
            "costs: not known of any workload" + ("" if found.costs.missing else ": no run looked at one")
        ]
    prices = found.prices
    cost = {
        name: f"{prices.of(bill.core_hours, bill.gib_hours)} {prices.currency}"
        for name, bill in total.items()
    }
    rows = [(n, f"{b.core_hours:.1f}", _gib(b), cost[n], b.violated, b.changed) for n, b in total.items()]
    out = table(("POLICY", "CORE-H", "GIB-H", "COST", "SLO-MIN", "CHANGES"), rows)
    out += [one.sentence(prices) for one in found.against()]
    return [*out, f"estimated by the prices `{prices.name}`; {NODES}"]


def _gib(bill: "Bill") -> str:
    return "-" if bill.gib_hours is None else f"{bill.gib_hours:.1f}"


def _worth_a_look(found: "Report") -> list[str]:
    deeds = found.deeds
    out = [
        f"{tone('ROLLED-BACK', 'bad')}  {deed.namespace}/{deed.target}  {deed.action} {deed.diff}  "
        f"{deed.strategy or deed.agent}  record {deed.record}" + (f": {deed.why}" if deed.why else "")
        for deed in deeds.changes
        if deed.verdict not in ("verified", "none", "awaited", "inconclusive")
    ]
    out += [
        f"REFUSED      {_some(one.names)}  {_counted(one.times, 'time')}  {by}"
        + (f": {one.said}" if one.said else "")
        for by, one in deeds.refused.items()
    ]
    out += [f"LEFT-ALONE   {_some(names)}  {why}" for why, names in deeds.left.items()]
    return out + [f"NOT-KNOWN    {name}  {why}" for name, why in found.costs.missing.items()]


def _some(names: "Sequence[str]") -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" + ("" if n == 1 else "s")


def _day(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
