"""What an unattended night on the real control plane meets: workloads with a past and a demand that goes on,
and the policy of their agent."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.installation import LOCAL, Doc, allow, doc, write_policy
from tests.real.cluster import Namespace
from tests.real.course import Course
from tests.real.hpa import cpu
from tests.real.hpa_cases import NOW

PATIENCE_S = 600
"""On a busy machine."""
JUDGED_S = 90
"""When a change is judged: longer than the window of the figures."""
SLOW_US = 800_000
MOVED_S = 5
"""How often demand moves."""


@dataclass(frozen=True)
class Service:
    """What a night's workload is: `cores` at the mean of its demand, the pods it begins with, the HPA's target. One
    that has a latency is slow as soon as it has fewer pods than it began with."""

    name: str
    cores: float
    pods: int
    percent: int | None = None
    latency_us: int = 0
    rises: bool = False

    @property
    def course(self) -> Course:
        return Course(self.name, self.rises)

    def deploy(self, kube: Namespace) -> None:
        """Its demand is there before its first pod; its HPA, if it has one, looks from now on."""
        kube.workload(self.name, self.pods)
        if self.percent is not None:
            self._autoscaled(kube, self.percent)

    def line(self, since_s: float, harmed: bool) -> str:
        """Its demand that many seconds after the test began (see demand.py)."""
        slow = SLOW_US if harmed else self.latency_us
        seen = f" rps=20 latency_us={slow}" if self.latency_us else ""
        return f"{round(self.cores * 1000 * self.course.share(since_s))}m/256Mi{seen}"

    def _autoscaled(self, kube: Namespace, percent: int) -> None:
        """Its floor is where it stands; downwards it moves at once."""
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name}
        spec = {**cpu(percent, self.pods, 12, scaleDown=NOW), "scaleTargetRef": reference}
        path = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers"
        kube.api.post(path, {"metadata": {"name": self.name}, "spec": spec})


class Tide:
    """The demand of a fleet: there from now on (`began_s`, Unix seconds), moving along its courses once the fleet is
    deployed."""

    def __init__(self, kube: Namespace, fleet: Sequence[Service]) -> None:
        self._kube, self._fleet, self.began_s = kube, fleet, time.time()
        self._ended = threading.Event()
        self._move(harmed=False)

    @contextmanager
    def moving(self) -> Iterator["Tide"]:
        """In a thread of its own; at the end raises what kept it from moving."""
        with ThreadPoolExecutor(1) as pool:
            going = pool.submit(self._go)
            try:
                yield self
            finally:
                self._ended.set()
            going.result()

    def _go(self) -> None:
        while not self._ended.wait(MOVED_S):
            self._move(any(self._is_harmed(one) for one in self._fleet if one.latency_us))

    def _move(self, harmed: bool) -> None:
        since_s = time.time() - self.began_s
        self._kube.demands({one.name: one.line(since_s, harmed) for one in self._fleet})

    def _is_harmed(self, one: Service) -> bool:
        return bool(self._kube.get(one.name)["spec"]["replicas"] < one.pods)


def policies(folder: Path, namespace: str, fleet: Sequence[Service]) -> Path:
    """An agent that is due each minute and moves one pod at a time; each change is judged, of what serves requests
    by its latency."""

    def rule(name: str, action: str, limits: Doc, of: list[str], **judged: Any) -> Doc:
        at = where | {"names": of, "kinds": ["deployment"]}
        due = {"verify": f"{JUDGED_S}s", **judged}
        return allow(name, [action], at, limits=limits, cooldown=f"{JUDGED_S}s", require=["dryRun", due])

    where = {"clusters": ["real"], "namespaces": [namespace], "names": ["*"]}
    serving = [one.name for one in fleet if one.latency_us]
    floors = [one.name for one in fleet if one.percent is not None]
    step = {"min": 1, "max": 12, "maxStep": 1}
    bounds = {
        "minReplicas": step,
        "maxReplicas": {"min": 1, "max": 12},
        "targetPercent": {"min": 10, "max": 100},
    }
    others = [one.name for one in fleet if one.name not in {*serving, *floors}]
    documents = [
        LOCAL,
        _night(where),
        allow("reads", ["read"], where),
        rule("pods", "scale", {"replicas": step}, others),
        rule("pods-by-latency", "scale", {"replicas": step}, serving, metric="latency_p95", maxRatio=1.2),
        rule("floors", "set_autoscaler_bounds", bounds, floors),
    ]
    return write_policy(folder / "policies", documents)


def _night(where: Doc) -> Doc:
    return doc(
        "Agent",
        "night",
        {
            "owner": "local",
            "roles": ["operator"],
            "autonomy": "autonomous",
            "schedule": {"cron": "* * * * *", "zone": "UTC", "misfire": "once", "within": "5m"},
            "scope": where,
            "strategy": ["forecast"],
            "risk": "2%",
        },
    )
