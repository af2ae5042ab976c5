"""A conclusion in a sentence: what, when and how sure, with the figures that it rests on."""

from agents.sentinel.checks import Checked
from base.durations import written
from base.quantities import rounded_bytes

_OF = {
    "memory": "memory of a pod",
    "saturation": "CPU of all its pods",
    "disk": "its fullest volume",
}


def said(one: Checked) -> str:
    """The sentence of an open finding."""
    f = dict(one.foreseen.figures)
    if one.what == "slo_burn":
        rate, window = f"{f['burn_milli'] / 1000:.3g}", written(f["window_s"], 1)
        left = f"; at that rate a month's is spent in {written(f['eta_s'], 2)}" if f["eta_s"] else ""
        return f"its error budget burns {rate} times as fast as it may, over {window}{left}"
    if "slope_per_h" not in f:
        level, limit = (_amount(one.what, f[name]) for name in ("level", "limit"))
        return f"{_OF[one.what]} is full: {level} of {limit}"
    when = f"in {written(f['eta_s'], 2)}" if f["eta_s"] else "now"
    ends = dict.fromkeys(written(f[name], 2) for name in ("soonest_s", "latest_s"))
    between = f" ({' to '.join(ends)})" if len(ends) > 1 else ""
    level, limit, slope = (_amount(one.what, f[name]) for name in ("level", "limit", "slope_per_h"))
    sure = _sure(f["confidence_ppm"])
    return f"{_OF[one.what]} reaches {limit} {when}{between}: {level} now, {slope} more an hour, {sure}"


def _sure(ppm: int) -> str:
    """Nothing that is foreseen is wholly sure."""
    return f"{ppm / 10_000:.1f} % sure" if ppm <= 999_000 else "more than 99.9 % sure"


def _amount(what: str, value: int) -> str:
    if what in ("memory", "disk"):
        return rounded_bytes(value)
    return f"{value}m"
