"""What the strategy `forecast` decides in a run is what a backtest of the same history decides, byte for byte: both
read through the gate, from the world's own metrics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.tuner.forecast import Forecast
from agents.tuner.look import Looker
from agents.tuner.pod_size import STARTUP_S, requested_millicores, startup_s
from agents.tuner.ports import Nothing
from agents.tuner.strategy import Aim, Observed
from forecasting.backtest.compare import Case
from forecasting.backtest.recommend import recommended
from forecasting.backtest.recommenders import Setting
from forecasting.backtest.trace import Trace
from forecasting.types import Demand, Shape
from tests.kit.installation import App, within

RISK_PPM = 20_000


def cut(one: Observed, points: int) -> Observed:
    """As it was that many minutes ago."""
    span = one.cpu.span
    earlier = replace(span, end_ms=span.end_ms - points * 60_000)
    cpu = replace(one.cpu, values=one.cpu.values[: len(one.cpu.values) - points], span=earlier)
    return replace(one, cpu=cpu, at_ms=one.at_ms - points * 60_000)


def live(one: Observed) -> str:
    ((found,),) = Forecast(Aim(risk_ppm=RISK_PPM)).propose([one])
    at = one.cpu.span.end_ms // 1000 + 60
    return f"ts,replicas\n{at},{dict(found.figures)['pods_forecast']}\n"


def backtested(one: Observed) -> str:
    cores = np.array([*one.cpu.values, None], dtype=np.float64) / 1000
    demand = Demand(cores, len(cores) - 1, one.cpu.span.start_ms // 1000)
    each = requested_millicores(one.workload)
    assert each is not None
    shape = Shape(each / 1000, startup_s=startup_s(one.pods) or STARTUP_S, maximum=100_000)
    return recommended(Setting("quantile", RISK_PPM / 1_000_000), Case.of(Trace("web", demand), shape))


@pytest.mark.slow
def test_a_run_decides_as_a_backtest_of_the_same_history(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        reads = app.toolbox.reads(app.agent("agent:tuner"), "r-000000000001")
        workloads = [w for w in await reads.workloads("shop") if w.target.name in ("web", "checkout")]
        looked = await Looker(reads, Forecast(Aim()).reads, Nothing()).look(workloads, app.context.now_ms())
        observed = [cut(one, back) for one in looked if isinstance(one, Observed) for back in (0, 1, 37)]
        assert len(observed) == 6
        ours, theirs = ("".join(map(told, observed)).encode() for told in (live, backtested))
        assert ours == theirs

    within(tmp_path, work)
