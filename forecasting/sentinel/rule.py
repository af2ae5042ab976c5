"""The conditions for a finding of exhaustion."""

from dataclasses import dataclass, replace

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    """The conditions for a finding: in a window of `window_s`, or a longer one of `spans` times it that tells
    the same slope, `z` and `tau` of Mann-Kendall at least; an ETA within `horizon_s` and within `reach` times
    the window (`reach_young` without a day before); of the slope at least the share `net` not explained by the
    day before; `confirmations` each `apart_s` (`noisy_apart_s` where tau is below `clean`), whose moment recedes
    by at most `agree` of the time left; `least_points` blocks known."""

    window_s: int = 7200
    horizon_s: int = 8 * 3600
    z: float = 3.0
    tau: float = 0.45
    confirmations: int = 3
    apart_s: int = 600
    noisy_apart_s: int = 1800
    clean: float = 0.9
    reach: float = 2.0
    reach_young: float = 1.0
    spans: tuple[int, ...] = (1, 2)
    net: float = 0.1
    agree: float = 0.5
    least_points: int = 12


RULE = Rule()


def fitted(rule: Rule, size_s: int) -> Rule:
    """The rule for blocks of `size_s`: where they are coarse, the window is as many as are needed."""
    window = max(rule.window_s, rule.least_points * size_s)
    return replace(rule, window_s=window, horizon_s=rule.horizon_s * window // rule.window_s)
