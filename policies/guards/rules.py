"""Rules, limits and approvals: a whole evaluation for the agent and one for the human. Both must allow."""

from policies.evaluate import Evaluation, evaluate, principals
from policies.guards.taint import tainted
from policies.inputs import DecisionInput, Refusal
from policies.lapsed import needs_no_rule


def rules(case: DecisionInput) -> Refusal | None:
    """The first evaluation that refuses, refuses. What a tainted session may do is its guard's word. Where no rule
    says anything, a floor is put back all the same."""
    back = needs_no_rule(case)
    marked = case.writes and tainted(case)
    found = []
    no = None
    for who, subjects in principals(case.request):
        evaluation = evaluate(
            case.snapshot, case.request, who, subjects, case.labels, case.seen.deltas, tainted=marked
        )
        if back and not evaluation.matches.allows and not evaluation.matches.denies:
            evaluation = Evaluation(who, evaluation.matches)
        found.append(evaluation)
        if no is None and evaluation.refusal is not None:
            no = Refusal(evaluation.stage, evaluation.refused_by, evaluation.refusal)
    case.evaluations = tuple(found)
    return no if found else Refusal("rules", None, "nobody asks")
