"""The trained weights: a fan of quantiles for each horizon, with where they come from; read from a small text file.

The file is JSON: the numbers, the names of the features that they belong to, and the provenance (version and seed
of the generator, how much was drawn), under a SHA-256 of all that. Format 1; a reader refuses any other format,
other features and a digest that does not fit.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.demand.features import NAMES
from forecasting.errors import ForecastError
from forecasting.types import Floats

FORMAT = 1
LEVELS = (0.2, 0.4, 0.6, 0.75, 0.85, 0.9, 0.95, 0.98, 0.99)
HORIZONS = (2, 3, 4, 6, 11)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation `(k,)` of the features that were trained on; a constant keeps 0 and 1."""

    mean: Floats
    spread: Floats

    def of(self, x: Floats) -> Floats:
        """The features standardised, `(..., k)`."""
        return (x - self.mean) / self.spread


@dataclass(frozen=True, slots=True)
class Weights:
    """`fans[horizon]` is `(len(LEVELS), k)`: for standardised features, the quantiles of the outcome's log."""

    scale: Scale
    fans: Mapping[int, Floats]
    provenance: Mapping[str, Any]

    def fan(self, horizon: int) -> Floats:
        """The fan for the least trained horizon that is not shorter; the longest beyond it."""
        return self.fans[next((h for h in sorted(self.fans) if h >= horizon), max(self.fans))]


def dumped(weights: Weights) -> str:
    """The file's text."""
    body = {
        "format": FORMAT,
        "provenance": dict(weights.provenance),
        "features": list(NAMES),
        "levels": list(LEVELS),
        "mean": _rounded(weights.scale.mean),
        "spread": _rounded(weights.scale.spread),
        "fans": {str(h): [_rounded(row) for row in fan] for h, fan in sorted(weights.fans.items())},
    }
    return json.dumps({"sha256": _digest(body), **body}, indent=None, separators=(",", ":")) + "\n"


def loaded(text: str, where: str) -> Weights:
    """The weights of a file's `text`. Raises ForecastError where it is not one that this program can use."""
    try:
        body = json.loads(text)
        digest = body.pop("sha256")
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise _refused("not a weights file", where) from e
    if (
        body.get("format") != FORMAT
        or body.get("features") != list(NAMES)
        or body.get("levels") != list(LEVELS)
    ):
        raise _refused("weights of another version (format, features or levels differ)", where)
    if digest != _digest(body):
        raise _refused("the digest of the weights does not fit what they are", where)
    fans = {int(h): np.array(fan) for h, fan in body["fans"].items()}
    return Weights(Scale(np.array(body["mean"]), np.array(body["spread"])), fans, body["provenance"])


@cache
def shipped() -> Weights:
    """The weights that come with this program."""
    return loaded(
        files("forecasting.demand").joinpath("weights.json").read_text(), "forecasting/demand/weights.json"
    )


def read(path: Path) -> Weights:
    """The weights of a file of one's own. Raises ForecastError, OSError."""
    return loaded(path.read_text(), str(path))


def _rounded(row: Floats) -> list[float]:
    return [float(f"{v:.6g}") for v in row]


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _refused(what: str, where: str) -> ForecastError:
    return ForecastError(what, where=where, hint="train again: flyball tune train --out FILE")
