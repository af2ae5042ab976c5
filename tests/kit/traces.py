"""Traces of our own making, each from its name alone: demand a minute, and CPU that machines used.

They have what makes public ones hard: days and weeks, a trend, noise that hangs together, bursts, steps of a
plateau, and gaps (NaN). A folder of public traces may take their place (FLYBALL_TRACES, tests/forecasting).
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from forecasting.types import Floats

DAY = 1440
"""Minutes."""

DEMAND = ("basket", "feed", "login", "maps", "orders", "pay", "search", "stock", "upload", "video")
MACHINES = tuple(f"vm-{n:02d}" for n in range(8))


@dataclass(frozen=True)
class Shape:
    """What a service's demand is made of; shares are of its mean."""

    daily: float
    second: float
    weekend: float
    trend_a_day: float
    noise: float
    bursts_a_day: float
    gaps_a_week: float


def demand(name: str) -> Floats:
    """Demand a minute around 1, of 12 to 16 days, never negative; the same for the same name on every machine."""
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    shape = Shape(
        daily=chance.uniform(0.05, 0.35),
        second=chance.uniform(0.0, 0.07),
        weekend=chance.uniform(0.6, 1.05),
        trend_a_day=chance.uniform(-0.01, 0.02),
        noise=chance.uniform(0.01, 0.06),
        bursts_a_day=chance.uniform(0.2, 2.0),
        gaps_a_week=chance.uniform(0.5, 3.0),
    )
    minutes = np.arange(int(chance.integers(12, 17)) * DAY)
    values = season(minutes / DAY, shape, chance.uniform(0, 2 * np.pi))
    values *= 1 + shape.trend_a_day * minutes / DAY
    values *= np.exp(hanging_together(chance, len(minutes), shape.noise, 5))
    values += bursts(chance, len(minutes), shape.bursts_a_day / DAY)
    return holed(chance, np.maximum(values, 0.0), shape.gaps_a_week / (7 * DAY))


def cpu(name: str, days: int = 20, step_s: int = 300) -> Floats:
    """Cores that a machine used, a sample each step: a base, a day's course, a nightly job, changes of level."""
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    days_gone = np.arange(days * 86_400 // step_s) * step_s / 86_400
    base, swing = chance.uniform(0.1, 0.8), chance.uniform(0.0, 1.0)
    values = base * (1 + swing * np.maximum(np.sin(2 * np.pi * (days_gone - chance.uniform())), 0))
    job, length = chance.uniform(0, 1), chance.uniform(0.01, 0.05)
    values += np.where((days_gone - job) % 1 < length, chance.uniform(0.2, 1.5), 0.0)
    for at in chance.integers(0, len(values), 2):
        values[at:] *= chance.uniform(0.8, 1.25)
    values *= np.exp(hanging_together(chance, len(values), chance.uniform(0.05, 0.2), 3))
    values += bursts(chance, len(values), chance.uniform(0.5, 4.0) * step_s / 86_400, size_of=base, length=3)
    return holed(chance, values, 0.3 * step_s / 86_400)


def season(days_gone: Floats, shape: Shape, phase: float) -> Floats:
    """Two harmonics of the day, and lower weekends."""
    angle = 2 * np.pi * days_gone + phase
    values = 1 + shape.daily * np.sin(angle) + shape.second * np.sin(2 * angle + phase)
    return np.asarray(values * np.where(days_gone % 7 >= 5, shape.weekend, 1.0))


def hanging_together(chance: Generator, size: int, spread: float, memory: float) -> Floats:
    """Noise of which `memory` steps resemble each other, half of it, and white noise, the other half."""
    kernel = np.exp(-np.arange(int(6 * memory)) / memory)
    kernel /= np.sqrt((kernel**2).sum())
    red = np.convolve(chance.normal(0, spread, size + len(kernel) - 1), kernel, "valid")
    return np.asarray((red + chance.normal(0, spread, size)) / np.sqrt(2))


def bursts(chance: Generator, size: int, a_step: float, size_of: float = 1.0, length: float = 8) -> Floats:
    """Sudden rises that fade; how high and how long is drawn again for each."""
    found = np.zeros(size)
    for at in np.flatnonzero(chance.random(size) < a_step):
        fading = np.exp(-np.arange(size - at) / (length * chance.uniform(0.3, 3)))
        found[at:] += size_of * chance.exponential() * fading
    return found


def holed(chance: Generator, values: Floats, a_step: float) -> Floats:
    """With stretches of up to 40 steps that nobody measured."""
    for at in np.flatnonzero(chance.random(len(values)) < a_step):
        values[at : at + int(chance.integers(1, 40))] = np.nan
    return values
