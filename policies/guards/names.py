"""The rules, evaluated on names only, before anything is read."""

from policies.evaluate import Evaluation, by_names, principals, refused
from policies.inputs import Refusal, ScreenInput
from policies.lapsed import needs_no_rule


def names(ask: ScreenInput) -> Refusal | None:
    """Agent and human must each have a rule that could allow this, but to put a floor back: there no rule forbids it.

    An allow with a label selector may still match, and a deny with one does not yet: the word after the
    read is `decide`'s, for reads and writes alike.
    """
    known = ask.request.action in ask.snapshot.catalogue
    if not known or ask.request.target.cluster not in ask.snapshot.clusters:
        what = f"cluster {ask.request.target.cluster}" if known else f"action {ask.request.action}"
        return Refusal("names", None, f"{what} is unknown to this policy")
    found: list[Evaluation] = []
    for who, subjects in principals(ask.request):
        matches = by_names(ask.snapshot, ask.request, subjects, ask.labels)
        if matches.denies or not (matches.allows or needs_no_rule(ask)):
            no = refused(who, matches, ask.request)
            return Refusal("names", no.refused_by, no.refusal or "")
        found.append(Evaluation(who, matches))
    ask.evaluations = tuple(found)
    return None
