"""The report as one page that needs nothing else: no script, no font, no other host; plots are inline SVG."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from flyball.cli.tune import report_plot
from flyball.report.report import NODES

if TYPE_CHECKING:
    from flyball.report.report import Report

PLOTS = 12
_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--line); }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1.5rem 0; } figure svg { width: 100%; height: auto; background: #fff; }
.wide { overflow-x: auto; }
"""


def page(found: "Report") -> str:
    """The whole page. Every text of a cluster is escaped."""
    parts = [_numbers(found), _changes(found), _rest(found), *_plots(found)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Tuning report {escape(found.place)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>Tuning report, {escape(found.place)}</h1>\n{body}\n</body></html>\n"
    )


def _numbers(found: "Report") -> str:
    facts = found.document()
    counts = f"runs: {facts['runs']}, changes: {len(facts['changes'])}"
    head = f"<p>{escape(facts['since'])} to {escape(facts['until'])}; {counts}.</p>"
    rows = [
        (b["name"], b["core_hours"], b["gib_hours"] or "-", b["cost"], b["violated_minutes"], b["changes"])
        for b in facts["total"]
    ]
    titles = ("policy", "core-hours", "GiB-hours", facts["prices"]["currency"], "SLO minutes", "changes")
    told = f"<p>Estimated by the prices <q>{escape(facts['prices']['name'])}</q>; {escape(NODES)}.</p>"
    sentences = "".join(f"<li>{escape(one.sentence(found.prices))}</li>" for one in found.against())
    return (
        head + _table("Cost and service level", titles, rows, numbers=True) + f"<ul>{sentences}</ul>" + told
    )


def _changes(found: "Report") -> str:
    rows = [
        (
            c["at"],
            f"{c['namespace']}/{c['workload']}",
            f"{c['action']} {c['change']}",
            c["strategy"] or "-",
            c["verdict"],
            c["why"] or "",
            c["record"],
        )
        for c in found.document()["changes"]
    ]
    return _table("Changes", ("time", "workload", "change", "strategy", "verdict", "why", "record"), rows)


def _rest(found: "Report") -> str:
    deeds = found.deeds
    no = [(by, one.said, ", ".join(one.names), one.times) for by, one in deeds.refused.items()]
    refused = _table("Refused", ("by", "in words", "workloads", "times"), no)
    left = _table("Left alone", ("why", "workloads"), [(w, ", ".join(n)) for w, n in deeds.left.items()])
    return refused + left + _table("Not known", ("of", "why"), found.costs.missing.items())


def _plots(found: "Report") -> list[str]:
    if not found.costs.courses:
        return []
    if not report_plot.there():
        return ["<p>Plots need matplotlib: <code>uv tool install 'flyball[plot]'</code>.</p>"]
    largest = sorted(found.costs.courses, key=lambda c: -c.bills[0].core_hours)[:PLOTS]
    return [
        f"<h2>{escape(f'{c.target.namespace}/{c.target}')}</h2><figure>{report_plot.drawn(c, found.deeds)}</figure>"
        for c in largest
    ]


def _table(
    title: str, titles: Sequence[str], rows: "Iterable[Sequence[object]]", *, numbers: bool = False
) -> str:
    lines = [
        "<tr>"
        + "".join(
            f"<td{' class=n' if numbers and i else ''}>{escape(str(cell))}</td>" for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    ]
    if not lines:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in titles)
    return f'<h2>{escape(title)}</h2><div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'
