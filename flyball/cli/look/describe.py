"""`flyball describe TARGET`: spec and actual state, owners of its fields, its figures, permitted actions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import abbreviated, advise, age, document, note, safe, table, tone

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.diagnosis.types import Facts
    from tools.metrics.types import Metric

app = typer.Typer()

EVENTS = 10


@app.command()
@command
def describe(opts: Options, target: Target) -> None:
    """Show one workload: spec and actual, autoscaler, pods, metrics, events. Example: flyball describe deploy/web"""
    from flyball.cli.kit.naming import one

    name = one(target)

    async def work(app: "App") -> None:
        from dataclasses import replace

        from flyball.cli.kit import missing
        from flyball.cli.look.permissions import may
        from flyball.cli.look.reads import ALL, PersonReads
        from tools.cluster.names import target as named

        where = named(app.place.context, app.place.namespace, name)
        looking = PersonReads(app)
        facts = await looking.facts(where, ALL, since_ms=app.context.now_ms())
        allowed = await may(app, replace(facts.workload, autoscaler=facts.autoscaler))
        if opts.json:
            document(_document(facts, allowed) | {"source": looking.source})
            return
        for line in _lines(facts, allowed, looking.source):
            advise(line)
        for line in missing.parts(facts.missing):
            note(line)

    opts.run(work)


def _lines(facts: "Facts", allowed: list[dict[str, str]], source: str) -> Iterator[str]:
    yield from _head(facts)
    yield from _containers(facts)
    yield from _pods(facts)
    yield from _figures(facts, source)
    yield from _events(facts)
    yield from _may(allowed)
    t = facts.workload.target
    yield f"next: flyball why {t} -n {t.namespace}"


def _head(facts: "Facts") -> Iterator[str]:
    from tools.cluster.objects import unix_ms

    w = facts.workload
    whole = w.ready >= w.replicas and w.updated >= w.replicas
    state = tone(f"{w.ready} of {w.replicas} ready", "good" if whole else "bad")
    yield f"{w.target.cluster}/{w.target.namespace}  {w.target}   {state}, {w.updated} up to date"
    seen = (
        "" if w.observed_generation >= w.generation else f", the controller has seen {w.observed_generation}"
    )
    old = age((facts.now_ms - unix_ms(w.created_at)) / 1000)
    yield f"  age         {old}, generation {w.generation}{seen}{', rollouts paused' if w.paused else ''}"
    yield f"  owner       {safe(w.owner) if w.owner else 'none'}"
    if w.template_owner not in (None, w.owner):
        yield f"  template    owned by {safe(w.template_owner or '')}"
    hpa = facts.autoscaler
    if hpa is not None:
        limited = "" if not hpa.limited else ", at its bound"
        broken = "" if hpa.able and hpa.active else ", not working"
        cpu = "" if hpa.cpu_percent is None else f", cpu {hpa.cpu_percent}% of {hpa.target_percent}%"
        cpu = cpu if hpa.target_cpu is None else f", aims at {hpa.target_cpu}m CPU of a pod"
        bounds = f"{hpa.minimum}-{hpa.maximum}, has {hpa.current}, desired {hpa.desired}"
        yield f"  autoscaler  {safe(hpa.name)} {bounds}{cpu}{limited}{broken}"
        if (limited or broken) and hpa.reasons:
            yield f"              {safe(', '.join(hpa.reasons))}"


def _containers(facts: "Facts") -> Iterator[str]:
    """The template beside what pods ask for, and what their nodes have given."""
    from policies.quantities import shown
    from tools.actions.resource_args import amount_of
    from tools.resource_arguments import VALUES

    head = ("CONTAINER", "CPU-REQUEST", "CPU-LIMIT", "MEM-REQUEST", "MEM-LIMIT")
    rows = [
        (c.name, *(shown(amount_of(c.resources, name), value.dimension) for name, value in VALUES.items()))
        for c in facts.workload.containers
    ]
    yield ""
    yield from table(head, rows)
    yield from _drift(facts)


def _drift(facts: "Facts") -> Iterator[str]:
    from tools.diagnosis.pods import drift, unlike_template

    found = list(drift(facts))
    for finding in found:
        yield f"  {tone('drift', 'wait')}  {safe(finding.what)}"
        yield f"         {safe(finding.evidence)}"
    given = [p for p in facts.alive if p.actual]
    unlike = [
        p.name
        for p in given
        if any(a.resources != c.resources for a in p.actual for c in p.containers if a.name == c.name)
    ]
    if unlike:
        pods = f"{len(unlike)} of {len(given)} pods, e.g. {safe(unlike[0])}"
        yield f"  {tone('not given', 'wait')}  the node has not (yet) given what is asked for: {pods}"
    elif older := [] if found else unlike_template(facts):
        pods = f"{len(older)} of {len(facts.alive)} pods, e.g. {safe(older[0].name)}"
        yield f"  {tone('older', 'wait')}  made of an older template, which asked for something else: {pods}"
    elif given and not found:
        yield f"  {len(given)} of {len(facts.alive)} pods have exactly that"


def _pods(facts: "Facts") -> Iterator[str]:
    if not facts.pods:
        return
    head = ("POD", "PHASE", "READY", "RESTARTS", "LAST-EXIT", "RESIZE", "NODE", "AGE")
    yield ""
    yield from table(head, [_pod(facts, pod) for pod in facts.pods])


def _pod(facts: "Facts", pod: Any) -> tuple[object, ...]:
    made = pod.created_ms or pod.started_at_ms
    old = age((facts.now_ms - made) / 1000) if made else None
    phase = "Terminating" if pod.deleting else pod.waiting or pod.phase
    ready = "yes" if pod.ready else "no"
    return (pod.name, phase, ready, pod.restarts, pod.last_exit, pod.resize, pod.node, old)


def _figures(facts: "Facts", source: str) -> Iterator[str]:
    from tools.metrics.types import SPECS

    rows = [_figure(facts, metric) for metric in SPECS if metric in facts.numbers]
    if rows:
        yield ""
        yield from table(("METRIC", "VALUE", "WINDOW", "AGE", "COVERAGE", "NOTE"), rows)
        yield f"  by {source}"


def _figure(facts: "Facts", metric: "Metric") -> tuple[object, ...]:
    from tools.diagnosis.figures import figure, percent
    from tools.metrics.hints import reason

    number = facts.numbers[metric]
    told = number.v is not None or number.missing in ("stale", "future")
    old = age(number.age_ms / 1000) if told and number.age_ms is not None else None
    window = f"{number.window_s}s" if number.window_s else None
    covered = None if number.v is None else percent(number.coverage_ppm)
    return (metric.value, figure(number), window, old, covered, reason(number))


def _events(facts: "Facts") -> Iterator[str]:
    if not facts.events:
        return
    rows = [
        (
            age((facts.now_ms - e.at_ms) / 1000),
            e.type,
            e.reason,
            abbreviated(e.about),
            f"x{e.count}",
            _flat(e.message),
        )
        for e in sorted(facts.events, key=lambda e: e.at_ms)[-EVENTS:]
    ]
    yield ""
    yield from table(("EVENT-AGE", "TYPE", "REASON", "ABOUT", "COUNT", "MESSAGE"), rows)
    if (more := len(facts.events) - EVENTS) > 0:
        yield f"  {more} older"


def _flat(message: str) -> str:
    """Anybody's text on one line, at most 160 characters of it; the table escapes it."""
    flat = " ".join(message.split())
    return flat if len(flat) <= 160 else f"{flat[:157]}..."


def _may(allowed: list[dict[str, str]]) -> Iterator[str]:
    yield ""
    yield from table(
        ("ACTION", "PERMITTED", "WHY"), [(a["action"], a["permissions"], a["why"]) for a in allowed]
    )


def _document(facts: "Facts", allowed: list[dict[str, str]]) -> dict[str, Any]:
    from flyball.cli.kit import workload_json
    from flyball.cli.kit.instants import instant
    from tools.diagnosis.pods import drift

    return {
        "kind": "WorkloadDescription",
        **workload_json.workload(facts.workload),
        "at": instant(facts.now_ms),
        "autoscaler": workload_json.autoscaler(facts.autoscaler),
        "pods": [workload_json.pod(p) for p in facts.pods],
        "drift": [f.evidence for f in drift(facts)],
        "metrics": workload_json.numbers(facts.numbers),
        "events": [workload_json.event(e) for e in facts.events],
        "permissions": allowed,
        "missing": dict(facts.missing),
    }
