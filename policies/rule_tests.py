"""The `tests:` of the rules' files, run against the real gate."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from policies.decision import Decision
from policies.errors import RequestInvalid
from policies.kinds import ActionPolicy
from policies.questions import judge, question_of
from policies.snapshot import Snapshot, expand
from policies.testcase import TestCase


@dataclass(frozen=True, slots=True)
class Result:
    """One test and its result. `problem` is None where it passed."""

    policy: str
    where: str
    case: TestCase
    said: str
    problem: str | None

    @property
    def title(self) -> str:
        """`agent:tuner scale shop/deployment/web 40 expects deny`."""
        value = "" if self.case.value in (None, {}) else f" {self.case.value}"
        return f"{self.case.as_} {self.case.action} {self.case.target}{value} expects {self.case.expect}"


def run(snapshot: Snapshot) -> Iterator[Result]:
    """Every test of every rule, each in the first cluster that its rule reaches unless it names one.

    Not those of a base that rules were added to: a deny on top may well change what they expect.
    """
    for document in snapshot.documents:
        if isinstance(document, ActionPolicy) and not snapshot.origin.shipped(
            document.kind, document.metadata.name
        ):
            reached = expand(document.spec.target.clusters, snapshot.clusters)
            for case in document.tests:
                yield _run(snapshot, document, case, reached)


def _run(snapshot: Snapshot, document: ActionPolicy, case: TestCase, reached: list[str]) -> Result:
    name = document.metadata.name
    where = snapshot.origin.of("ActionPolicy", name)
    if not reached and case.cluster is None:
        return Result(name, where, case, "", "its rule matches no cluster that is known here")
    try:
        question = question_of(case, snapshot, case.cluster or reached[0])
        decision = judge(snapshot, question)
    except (RequestInvalid, ValidationError) as error:
        return Result(name, where, case, "", f"is not a request: {str(error).splitlines()[0]}")
    said = f"{decision.verdict.value} ({decision.rule or decision.stage}: {decision.detail})"
    return Result(name, where, case, said, _problem(case, decision, said))


def _problem(case: TestCase, decision: Decision, said: str) -> str | None:
    if decision.verdict.value != case.expect:
        return f"the gate says {said}"
    if case.rule is not None and case.rule != decision.rule and not decision.detail.startswith(case.rule):
        return f"expected by {case.rule}, the gate says {said}"
    return None
