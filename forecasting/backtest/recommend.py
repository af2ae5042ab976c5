"""What a policy asks for at each minute of a trace's second half, as the text of a CSV; pure."""

from forecasting.backtest.compare import Case
from forecasting.backtest.recommenders import Setting


def recommended(setting: Setting, case: Case) -> str:
    """Lines of `ts,replicas`: each from what was known up to the minute before (the oracle's apart)."""
    asked = setting.recommender().replay(case.trace.demand, case.shape).tolist()
    lines = [f"{at},{replicas}" for at, replicas in zip(case.trace.minutes, asked, strict=True)]
    return "\n".join(["ts,replicas", *lines]) + "\n"
