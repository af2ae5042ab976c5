"""The names of the policies of a backtest; imports no arithmetic, so that a command line starts fast."""

from typing import Literal

Name = Literal[
    "quantile",
    "hpa",
    "seasonal",
    "holt-winters",
    "seasonal-alone",
    "holt-winters-alone",
    "static",
    "oracle",
]
