"""What really happens, for the twin to be compared with: pods one by one, arrivals by Poisson, service times
exponential, written from the textbook (Gross et al., Fundamentals of Queueing Theory, sections 2.2 and 2.3) and
independent of forecasting/queueing.py and of the simulated cluster."""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from forecasting.twin.fit import History
from forecasting.types import Floats


def erlang_wait(servers: int, rho: float) -> float:
    """Erlang C by its sums (eq. 2.33)."""
    a = servers * rho
    last = a**servers / (math.factorial(servers) * (1 - rho))
    return last / (sum(a**n / math.factorial(n) for n in range(servers)) + last)


def above(servers: int, rho: float, t: float) -> float:
    """P(T > t) in mean service times (wait and service), by convolving their densities with Simpson's rule."""
    wait, rate, steps = erlang_wait(servers, rho), servers * (1 - rho), 2000
    h = t / steps
    inner = [wait * rate * math.exp(-rate * i * h) * math.exp(-(t - i * h)) for i in range(steps + 1)]
    area = h / 3 * (inner[0] + inner[-1] + 4 * sum(inner[1:-1:2]) + 2 * sum(inner[2:-1:2]))
    return (1 - wait) * math.exp(-t) + area + wait * math.exp(-rate * t)


@dataclass
class Line:
    """An M/M/c line, event by event: c servers that may join or leave, first come first served."""

    service_s: float
    chance: random.Random
    free: list[float] = field(default_factory=list)

    def minute(self, start: float, rate: float, servers: list[float]) -> tuple[float, list[float]]:
        """Arrivals of a minute at `rate` a second; `servers` are moments from which each serves. The share of
        their time that was asked for, and times in the system."""
        while len(self.free) < len(servers):
            heapq.heappush(self.free, max(start, servers[len(self.free)]))
        while len(self.free) > len(servers):
            self.free.remove(max(self.free))
            heapq.heapify(self.free)
        at, times, work = start, [], 0.0
        while (at := at + self.chance.expovariate(rate)) < start + 60:
            service = self.chance.expovariate(1 / self.service_s)
            begin = max(at, heapq.heappop(self.free))
            heapq.heappush(self.free, begin + service)
            times.append(begin + service - at)
            work += service
        return work / (60 * len(servers)), times


def lived(
    rate: Floats,
    ask: Callable[[int, float], int],
    per_pod: float,
    cost: float,
    startup_s: float,
    seed: int,
    patience_s: float = 10,
) -> tuple[History, Floats]:
    """A workload by the second: `rate` requests a second for each minute, of `cost` CPU seconds each with
    exponential service times, on pods of `per_pod` cores that are ready `startup_s` (and up to a tenth more)
    after they were asked for. `ask(replicas, used)` chooses replicas each minute from the last minute's cores.
    What was seen of it, and the true utilisation a minute (work due over what was ready)."""
    chance = np.random.default_rng(seed)
    pods = [0.0] * 4
    used, asked, ready, truth, seen = 0.0, [], [], [], []
    left = 0.0
    for minute, mean in enumerate(rate):
        wanted = ask(len(pods), used) if minute else len(pods)
        pods += [minute * 60 + startup_s * chance.uniform(1, 1.1) for _ in range(wanted - len(pods))]
        pods = sorted(pods)[:wanted]
        arrivals = chance.poisson(mean, 60)
        work = chance.gamma(np.maximum(arrivals, 1e-9), cost)
        done = due = room_all = 0.0
        for second in range(60):
            room = per_pod * sum(p <= minute * 60 + second for p in pods)
            served = min(left + work[second], room)
            left = min(left + work[second] - served, room * patience_s)
            done, due, room_all = done + served, due + work[second], room_all + room
        used = done / 60
        asked.append(wanted)
        ready.append(sum(p <= minute * 60 for p in pods))
        seen.append(used)
        truth.append(min(1.0, due / room_all) if room_all else 1.0)
    told = History(
        np.array(asked, float), np.array(ready, float), np.array(seen), rate.astype(float), limit=per_pod
    )
    return told, np.array(truth)
