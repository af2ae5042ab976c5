"""A proposal as it is recorded: all candidates with their figures, what was taken, and why the others were not."""

from agents.tuner.change import Change
from agents.tuner.proposal import Proposal, Weighed

_TEXT = 512


def weighing(found: Proposal) -> dict[str, object]:
    """JSON without floats; what is not known is left out."""
    return _known(
        now=found.now,
        why=found.why,
        reason=found.reason[:_TEXT],
        strategy=found.strategy,
        change=_change(found.change),
        wanted=_change(found.first),
        figures=dict(found.figures),
        hold=found.hold[:_TEXT],
        notes=[note[:_TEXT] for note in found.notes],
        expects=dict(found.expects or {}),
        advice=_advice(found),
        candidates=[_candidate(w) for w in found.alternatives],
    )


def _candidate(w: Weighed) -> dict[str, object]:
    c = w.candidate
    return _known(
        strategy=c.strategy,
        change=_change(c.change),
        why=c.why,
        reason=c.reason[:_TEXT],
        figures=dict(c.figures),
        why_not=w.why_not,
    ) | {
        name: value
        for name, value in (
            ("risk_ppm", w.risk_ppm),
            ("short_ppm", w.short_ppm),
            ("cost_mch", w.cost_mch),
            ("score", w.score),
        )
        if value is not None
    }


def _advice(found: Proposal) -> dict[str, object]:
    """Who chose and who wrote, where a model did; nothing where what it spoke of is not asked for."""
    if found.advice is None or found.change is None:
        return {}
    by = f"model:{found.advice.model}"
    return {"text": found.advice.text, "by": by, "chosen_by": by if found.advice.chose else "least-cost"}


def _change(change: Change | None) -> dict[str, object]:
    if change is None:
        return {}
    shown: dict[str, object] = {
        "action": change.action,
        "text": change.text,
        "args": change.args.model_dump(mode="json"),
    }
    return shown | ({"first": _change(change.first)} if change.first else {})


def _known(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value not in ("", {}, [], None)}
