"""What an unattended night on the real control plane meets: workloads with a past, the policy of its agent, and a
service that is killed and started again."""

import random
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.console import Console
from tests.kit.installation import LOCAL, Doc, allow, doc, write_policy
from tests.real.balance import records
from tests.real.cluster import Namespace, eventually
from tests.real.hpa import cpu
from tests.real.hpa_cases import NOW

PATIENCE_S = 240
"""On a busy machine."""
RUN_S = 60
"""From one due time to what its run has changed, at most."""
JUDGED_S = 50
"""When a change is judged: longer than the window of the figures, shorter than the minute to the next run."""


@dataclass(frozen=True)
class Service:
    """What a night's workload is: `cores` at the mean of its demand, the pods it begins with, the HPA's target."""

    name: str
    cores: float
    pods: int
    percent: int | None = None
    latency_us: int = 0

    def deploy(self, kube: Namespace) -> None:
        """Its demand is there from its first pod on; its HPA, if it has one, looks from now on."""
        self.ask(kube)
        kube.workload(self.name, self.pods)
        if self.percent is not None:
            self._autoscaled(kube, self.percent)

    def ask(self, kube: Namespace, share: float = 1, latency_us: int | None = None) -> None:
        """Its demand from now on, as a share of the mean."""
        seen = {"rps": 20, "latency_us": latency_us or self.latency_us} if self.latency_us else {}
        kube.demand(self.name, f"{round(self.cores * 1000 * share)}m", **seen)

    def _autoscaled(self, kube: Namespace, percent: int) -> None:
        """Its floor is where it stands; downwards it moves at once."""
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name}
        spec = {**cpu(percent, self.pods, 12, scaleDown=NOW), "scaleTargetRef": reference}
        path = f"/apis/autoscaling/v2/namespaces/{kube.name}/horizontalpodautoscalers"
        kube.api.post(path, {"metadata": {"name": self.name}, "spec": spec})


@dataclass(frozen=True)
class Serving:
    """One `flyball serve`, and what it says on stderr."""

    process: "subprocess.Popen[str]"
    path: Path

    def said(self) -> str:
        said = self.path.read_text()
        assert self.process.poll() is None, said
        return said


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


class Watchman:
    """`flyball serve`, killed again and again: the next one waits as standby already."""

    def __init__(self, console: Console, seed: int) -> None:
        self._console, self._chance = console, random.Random(seed)
        self.kills = 0
        self._started = 0
        self._now = self._start()

    def kill(self) -> None:
        """Once it is active: at a seeded moment, or (one of three) right after its next intent, which it is given
        time for."""
        self._active()
        aimed, before = self.kills % 3 == 2, self._intents()
        until = time.monotonic() + (RUN_S if aimed else self._chance.uniform(0.3, 5))
        while time.monotonic() < until and not (aimed and self._intents() > before):
            time.sleep(0.02)
        successor = self._start()
        self._end()
        self._now, self.kills = successor, self.kills + 1

    def end(self) -> int:
        """Stop the last one in order; its exit code."""
        self._active()
        self._now.process.terminate()
        return self._now.process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        self._end()

    def _start(self) -> Serving:
        path = self._console.folder / f"serve-{self._started}.log"
        self._started += 1
        with path.open("w") as log:
            return Serving(self._console.start("serve", stderr=log), path)

    def _end(self) -> None:
        self._now.process.kill()
        self._now.process.wait()

    def _active(self) -> None:
        now = self._now
        eventually(lambda: "active: " in now.said(), f"{now.process.pid} to be active", PATIENCE_S)

    def _intents(self) -> int:
        return len(records(self._console, ("action.intent",)))
