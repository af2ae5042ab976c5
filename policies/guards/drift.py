"""The object changed since the proposal was reasoned from it."""

from policies.inputs import DecisionInput, Refusal


def drift(case: DecisionInput) -> Refusal | None:
    """A proposal with a basis holds only for exactly that view."""
    basis = case.request.basis
    if basis is None or basis == case.seen.view_digest:
        return None
    return Refusal("drift", None, f"{case.request.target} has changed since this was proposed: look again")
