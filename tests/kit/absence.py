"""A source of metrics that is away for a while: each question fails, as one to a Prometheus that does not answer."""

from typing import Any

import pytest

from sandbox.metrics import SimulatedMetrics
from tools.errors import MetricsUnavailable

QUESTIONS = ("latest", "history", "fleet_latest", "fleet_history")


class Absence:
    """The metrics of every simulated world, while `away`; `asked` counts the questions that were not answered."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.away, self.asked, self._left = False, 0, -1
        for name in QUESTIONS:
            patch.setattr(SimulatedMetrics, name, self._instead_of(getattr(SimulatedMetrics, name)))

    def goes_after(self, answers: int) -> None:
        """Away once so many more questions were answered."""
        self._left = answers

    def _instead_of(self, answer: Any) -> Any:
        async def answered(metrics: SimulatedMetrics, *question: Any) -> Any:
            self.away, self._left = self.away or self._left == 0, self._left - 1
            if self.away:
                self.asked += 1
                raise MetricsUnavailable("connection refused", where="http://prometheus.invalid")
            return await answer(metrics, *question)

        return answered
