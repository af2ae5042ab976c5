"""Generated demand to train on, from a seed: what services look like, without any service's data.

Each trace multiplies a rhythm (day, week), wandering, hours of near idleness and bursts, adds jobs that start by
the clock, and passes the result through what measuring does (a plateau where the service saturates, noise, and
five-minute sampling, whose minutes between are most often drawn straight). Each quantity is drawn again for each
trace, so that the weights learn what holds over all of them.
"""

import numpy as np

from forecasting.types import Floats, Ints

VERSION = 2
"""Raised with any change of what a seed gives."""
DAY = 1440
PEAK = 40.0
CAPPED, IDLE, TWICE, NOISE_FIRST = 0.3, 0.15, 0.4, 0.8
"""Shares of the traces that saturate, that fall idle, that have a second kind of bursts, and whose noise belongs to
the service or is measured in the samples (in the others it comes on top of the minutes between samples)."""
SAMPLINGS = {"minute": 0.5, "straight": 0.4, "held": 0.1}
"""Shares of the traces by how they were measured."""


def trace(seed: int, index: int, days: int) -> Floats:
    """The demand of trace `index` in replicas, `(days * 1440,)`, a minute each; its 99.9th percentile is 5 to 160
    replicas."""
    draw = np.random.default_rng((seed, index))
    minutes: Ints = np.arange(days * DAY, dtype=np.int64)
    course = _rhythm(draw, minutes) + _wander(draw, len(minutes)) - _idle(draw, len(minutes))
    load = np.exp(course) * _bursts(draw, len(minutes))
    if draw.random() < TWICE:
        load = load * _bursts(draw, len(minutes))
    load = _capped(draw, load + _jobs(draw, minutes) * np.quantile(load, 0.9))
    noise = np.exp(_noise(draw, len(minutes)))
    load = _sampled(draw, load * noise) if draw.random() < NOISE_FIRST else _sampled(draw, load) * noise
    return np.asarray(load / np.quantile(load, 0.999) * PEAK * 2.0 ** draw.uniform(-3, 2))


def _rhythm(draw: np.random.Generator, minutes: Ints) -> Floats:
    """The log of a day's course (four harmonics), of the week's, and of a slow trend."""
    depth = draw.choice([0.0, draw.uniform(0.1, 0.6), draw.uniform(0.6, 1.5)], p=[0.2, 0.4, 0.4])
    day = 2 * np.pi * minutes / DAY
    course = sum(
        draw.normal() / order**1.5 * np.cos(order * day + draw.uniform(0, 2 * np.pi)) for order in range(1, 7)
    )
    quiet = draw.integers(0, 7)
    weekend = ((minutes // DAY + quiet) % 7 >= 5) * draw.choice([0.0, draw.uniform(0.1, 1.0)])
    trend = draw.normal(0, 0.03) * minutes / DAY
    return np.asarray(depth * course - weekend + trend)


def _wander(draw: np.random.Generator, n: int) -> Floats:
    """Two autoregressive walks in the log: over hours, and over minutes."""
    slow = _walk(draw, n, tau=draw.uniform(60, 600), size=draw.choice([0.02, 0.08, 0.25]))
    fast = _walk(draw, n, tau=np.exp(draw.uniform(0.5, 4)), size=np.exp(draw.uniform(-5, -1.3)))
    return slow + fast


def _idle(draw: np.random.Generator, n: int) -> Floats:
    """How far the log falls while a walk lies below a threshold: on and off, for minutes to hours."""
    if draw.random() >= IDLE:
        return np.zeros(n)
    off = _walk(draw, n, tau=np.exp(draw.uniform(2, 5.5)), size=1.0) < draw.normal(0, 0.8)
    return np.asarray(draw.uniform(1, 4) * off)


def _walk(draw: np.random.Generator, n: int, tau: float, size: float) -> Floats:
    """An AR(1) of standard deviation `size` and correlation time `tau` minutes, by a truncated kernel."""
    keep = np.exp(-1.0 / tau)
    kernel = keep ** np.arange(min(n, int(6 * tau) + 1))
    kernel = kernel * size / np.sqrt((kernel * kernel).sum())
    steps = draw.standard_normal(n + len(kernel))
    spectrum = np.fft.rfft(steps, 2 * len(steps)) * np.fft.rfft(kernel, 2 * len(steps))
    return np.asarray(np.fft.irfft(spectrum)[len(kernel) : len(kernel) + n])


def _bursts(draw: np.random.Generator, n: int) -> Floats:
    """Factors of sudden demand: Poisson arrivals, heavy-tailed height, an onset of minutes, a decay."""
    factor = np.ones(n)
    a_day = draw.choice([0.0, 0.5, 3.0, 15.0, 60.0], p=[0.25, 0.2, 0.25, 0.2, 0.1])
    height, onset = draw.uniform(0.05, 0.6), np.exp(draw.uniform(-0.5, 3))
    decay = np.exp(draw.uniform(0.5, 4.5))
    span = np.arange(int(8 * decay + 4 * onset) + 2)
    for start in draw.integers(0, n, draw.poisson(a_day * n / DAY)):
        rise = 1 - np.exp(-(span + draw.random()) / (onset * np.exp(draw.normal(0, 0.5))))
        fall = np.exp(-np.maximum(0, span - 3 * onset) / decay)
        tall = min(8.0, height * draw.pareto(2.5) + 0.3 * height)
        end = min(n, start + len(span))
        factor[start:end] += (tall * rise * fall)[: end - start]
    return factor


def _jobs(draw: np.random.Generator, minutes: Ints) -> Floats:
    """Jobs by the clock: each so many minutes, for some minutes, at a phase, with a jitter of the start."""
    total = np.zeros(len(minutes))
    for _ in range(draw.choice([0, 1, 2, 3], p=[0.5, 0.25, 0.15, 0.1])):
        every = int(draw.choice([5, 10, 15, 30, 60, 120, 360, DAY]))
        length = max(1, int(every * draw.uniform(0.03, 0.5)))
        height, phase, jitter = draw.uniform(0.03, 0.8), draw.integers(0, every), draw.choice([0, 0, 1, 3])
        starts = np.arange(phase, len(minutes), every)
        starts = starts + draw.integers(0, jitter + 1, len(starts))
        tall = height * np.exp(draw.normal(0, draw.choice([0.0, 0.05, 0.3]), len(starts)))
        for offset in range(length):
            at = starts + offset
            inside = at < len(minutes)
            total[at[inside]] += tall[inside]
    return total


def _capped(draw: np.random.Generator, load: Floats) -> Floats:
    """As a service that saturates: a plateau, which trembles a little."""
    if draw.random() >= CAPPED:
        return load
    plateau = np.quantile(load, draw.uniform(0.5, 0.98))
    return np.minimum(load, plateau * np.exp(draw.normal(0, draw.choice([0.0, 0.02]), len(load))))


def _sampled(draw: np.random.Generator, load: Floats) -> Floats:
    """As measured: each minute, or each five minutes with the minutes between drawn straight or held."""
    how = draw.choice(list(SAMPLINGS), p=list(SAMPLINGS.values()))
    if how == "minute":
        return load
    points = np.arange(0, len(load), 5)
    rough = load[points] * np.exp(draw.normal(0, draw.choice([0.0, 0.05, 0.15, 0.3]), len(points)))
    if how == "held":
        return np.repeat(rough, 5)[: len(load)]
    return np.asarray(np.interp(np.arange(len(load)), points, rough))


def _noise(draw: np.random.Generator, n: int) -> Floats:
    """White noise of the measurement, in the log."""
    size = draw.choice([0.0, 0.01, 0.03, 0.06, 0.12], p=[0.35, 0.2, 0.2, 0.15, 0.1])
    return np.asarray(draw.normal(0, 1, n) * size)
