"""Asking the strategies: each about the workloads that it fits, and what they answer is checked before anything else
is done with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.errors import StrategyBroken
from agents.tuner.proposal import Proposal, skipped
from agents.tuner.strategy import Candidate, Observed, Strategy


@dataclass(frozen=True, slots=True)
class Asked:
    """A workload with the candidates of every strategy that fits it (at least one)."""

    observed: Observed
    candidates: tuple[Candidate, ...]


def ask(strategies: Sequence[Strategy], looked: Sequence[Observed | Proposal]) -> list[Asked | Proposal]:
    """A line for each that was looked at, in their order: candidates, or why none was asked for. Raises
    StrategyBroken where a strategy does not answer for each workload that it was asked about, and for no other."""
    observed = [one for one in looked if isinstance(one, Observed)]
    whys: list[list[str]] = [[] for _ in observed]
    found: list[list[Candidate]] = [[] for _ in observed]
    for strategy in strategies:
        fitting = []
        for i, one in enumerate(observed):
            if (why := strategy.consider(one)) is None:
                fitting.append(i)
            else:
                whys[i].append(why)
        for i, candidates in zip(fitting, _answers(strategy, [observed[i] for i in fitting]), strict=True):
            found[i] += candidates
    lines = iter([_line(*of) for of in zip(observed, found, whys, strict=True)])
    return [one if isinstance(one, Proposal) else next(lines) for one in looked]


def _line(one: Observed, found: Sequence[Candidate], whys: Sequence[str]) -> Asked | Proposal:
    return Asked(one, tuple(found)) if found else skipped(one.workload, whys[0])


def _answers(strategy: Strategy, asked: Sequence[Observed]) -> Sequence[Sequence[Candidate]]:
    answers = strategy.propose(asked) if asked else []
    targets = [str(one.workload.target) for one in asked]
    if len(answers) != len(asked) or not all(
        candidates and all(_is_about(c, target) for c in candidates)
        for candidates, target in zip(answers, targets, strict=True)
    ):
        what = f"strategy `{strategy.name}` did not answer for each workload that it was asked about"
        raise StrategyBroken(what, where=", ".join(targets[:5]))
    return answers


def _is_about(candidate: Candidate, target: str) -> bool:
    return candidate.change is None or candidate.change.workload == target
