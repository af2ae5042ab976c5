"""`flyball why TARGET`: the causes of a workload's state, by fixed rules on typed facts, without a model."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from flyball.cli.kit.options import Options, Target, command
from flyball.cli.kit.output import Tone, advise, document, note, safe, tone

if TYPE_CHECKING:
    from flyball.wiring import App
    from tools.diagnosis.types import Facts, Finding

app = typer.Typer()

_TONES: tuple[Tone, ...] = ("bad", "bad", "wait", "dim")


@app.command()
@command
def why(opts: Options, target: Target) -> None:
    """Explain the state of a workload, the worst finding first. Example: flyball why deploy/web"""
    from flyball.cli.kit.naming import one

    name = one(target)

    async def work(app: "App") -> None:
        from flyball.cli.kit import missing
        from flyball.cli.look.reads import ALL, PersonReads
        from tools.cluster.names import target as named
        from tools.diagnosis.control import LATELY_S
        from tools.diagnosis.snapshot import diagnosis

        where = named(app.place.context, app.place.namespace, name)
        since = app.context.now_ms() - LATELY_S * 1000
        facts = await PersonReads(app).facts(where, ALL, since_ms=since)
        found = diagnosis(facts)
        if opts.json:
            document(_document(facts, found))
            return
        for line in _lines(facts, found):
            advise(line)
        for line in missing.parts(facts.missing):
            note(line)

    opts.run(work)


def _lines(facts: "Facts", found: "Sequence[Finding]") -> Iterator[str]:
    w = facts.workload
    head = f"{w.target.cluster}/{w.target.namespace}  {w.target}   {w.ready} of {w.replicas} ready"
    yield head if found else f"{head}; nothing stands out"
    for number, finding in enumerate(found, 1):
        word = finding.severity.name.lower()
        yield f"{number:>3}  {tone(f'{word:<9}', _TONES[finding.severity])}  {safe(finding.what)}"
        yield f"       evidence  {safe(finding.evidence)}   [{finding.rule}]"
    for look in dict.fromkeys(_look(finding, facts) for finding in found):
        yield f"  look: {look}"
    if not found:
        yield f"  next: flyball describe {w.target} -n {w.target.namespace}"


def _look(finding: "Finding", facts: "Facts") -> str:
    t = facts.workload.target
    return f"flyball {finding.look.format(target=t)} -n {t.namespace}"


def _document(facts: "Facts", found: "Sequence[Finding]") -> dict[str, Any]:
    from flyball.cli.kit.instants import instant

    w = facts.workload
    return {
        "kind": "Diagnosis",
        "context": w.target.cluster,
        "namespace": w.target.namespace,
        "target": str(w.target),
        "at": instant(facts.now_ms),
        "replicas": w.replicas,
        "ready": w.ready,
        "items": [
            {
                "rule": f.rule,
                "severity": f.severity.name.lower(),
                "what": f.what,
                "evidence": f.evidence,
                "look": _look(f, facts),
            }
            for f in found
        ],
        "missing": dict(facts.missing),
    }
