"""Random numbers from a seed alone: the same seed and index give the same number, in any order and split.

The generator is SplitMix64 by index (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
OOPSLA 2014), so that a whole stretch of time is drawn at once.
"""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@lru_cache(maxsize=65_536)
def seed_of(text: str) -> int:
    """64 bits that stand for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def uniform(seed: int, index: Ints) -> Floats:
    """Numbers in [0, 1), one for each index."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + index.astype(np.uint64) * _GAMMA
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform_at(seed: int, index: int) -> float:
    """One such number."""
    return float(uniform(seed, np.array([index], dtype=np.int64))[0])
