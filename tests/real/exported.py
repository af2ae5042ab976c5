"""What kube-state-metrics, cAdvisor and a pod's endpoint would have exported of one namespace, told by its test."""

from collections.abc import Callable
from functools import partial

from tests.real.written import Labels, Scrapes

EVERY_S = 30
OLD_S = 4 * 3600
"""How far back samples go, in seconds."""


class Cluster:
    """What is scraped in one namespace. Times are seconds before now."""

    def __init__(self, scrapes: Scrapes, now_ms: int, name: str) -> None:
        self._scrapes, self.now_ms, self.name = scrapes, now_ms, name

    def put(
        self, name: str, labels: Labels, times: list[int], value: Callable[[int], float | None] | float
    ) -> None:
        """At those times; at the others the target was asked and did not answer, or had no such series."""
        at = set(times)
        told = value if callable(value) else lambda _: value
        grid = sorted({*self.times(), *times})
        self._scrapes.put(name, labels, grid, lambda moment: told(moment) if moment in at else None)

    def drop(self, name: str) -> None:
        """Nothing of that name was stored of this namespace."""
        series = self._scrapes.series
        for key in [one for one in series if {("__name__", name), ("namespace", self.name)} <= {*one}]:
            del series[key]

    def times(self, since_s: int = OLD_S, until_s: int = 0) -> list[int]:
        """The newest is five seconds old."""
        ages = range(5, OLD_S, EVERY_S)
        return [self.now_ms - age * 1000 for age in reversed(ages) if until_s <= age < since_s]

    def pod(
        self, pod: str, since_s: int = 2 * OLD_S, until_s: int = 0, containers: tuple[str, ...] = ("app",)
    ) -> None:
        """Ready from `since_s` until `until_s`, as kube-state-metrics has it."""
        of = {"namespace": self.name, "pod": pod, "uid": f"uid-{pod}"}
        times = self.times(min(since_s, OLD_S), until_s)
        self.put("kube_pod_status_phase", {**of, "phase": "Running"}, times, 1)
        self.put("kube_pod_status_ready", {**of, "condition": "true"}, times, 1)
        self.put("kube_pod_start_time", of, times, self.now_ms / 1000 - since_s)
        for container in containers:
            self.put("kube_pod_container_info", {**of, "container": container}, times, 1)

    def init(self, pod: str, container: str, policy: str | None, running: int) -> None:
        """An init container, as kube-state-metrics has it; before 2.11 (`policy` None) without its restart policy."""
        of = {"namespace": self.name, "pod": pod, "uid": f"uid-{pod}", "container": container}
        told = {} if policy is None else {"restart_policy": policy}
        self.put("kube_pod_init_container_info", {**of, **told}, self.times(), 1)
        self.put("kube_pod_init_container_status_running", of, self.times(), running)

    def granted(self, pod: str, container: str, cores: float, init: bool = False) -> None:
        """A request and a limit of so many cores."""
        of = {"namespace": self.name, "pod": pod, "container": container, "resource": "cpu"}
        for part in ("requests", "limits"):
            name = f"kube_pod_{'init_' if init else ''}container_resource_{part}"
            self.put(name, of, self.times(), cores)

    def burns(self, pod: str, cores: float, times: list[int], away: bool = False, **labels: str) -> None:
        """A container that uses so much, as cAdvisor has it. `away`: at other times nothing was asked."""
        put = self._scrapes.put if away else self.put
        of = {"namespace": self.name, "pod": pod, "container": "app", "id": f"/{pod}"} | labels
        used = lambda at: 1e6 + cores * (at - self.now_ms) / 1000  # noqa: E731 - a counter
        put("container_cpu_usage_seconds_total", of, times, used)
        put("container_memory_working_set_bytes", of, times, cores * 1000)

    def counts(
        self,
        pod: str,
        told: Callable[[int], tuple[int, str]],
        times: list[int],
        init: bool = False,
        **labels: str,
    ) -> None:
        """Restarts and the last reason by age in seconds, as kube-state-metrics has them."""
        kind = "kube_pod_init_container" if init else "kube_pod_container"
        of = {"namespace": self.name, "pod": pod, "uid": f"uid-{pod}", "container": "app", **labels}
        at = lambda moment: told((self.now_ms - moment) // 1000)  # noqa: E731
        self.put(f"{kind}_status_restarts_total", of, times, lambda t: at(t)[0])
        reasons = {reason for moment in times if (reason := at(moment)[1])}
        for reason in reasons:
            self.put(
                f"{kind}_status_last_terminated_reason",
                {**of, "reason": reason},
                times,
                partial(lambda reason, t: 1 if at(t)[1] == reason else None, reason),
            )

    def mounts(self, pod: str, claim: str, volume: str = "data", read_only: bool = False) -> None:
        """A pod's volume of a claim, as kube-state-metrics has it."""
        of = {"namespace": self.name, "pod": pod, "uid": f"uid-{pod}", "volume": volume}
        series = "kube_pod_spec_volumes_persistentvolumeclaims"
        self.put(f"{series}_info", {**of, "persistentvolumeclaim": claim}, self.times(), 1)
        self.put(f"{series}_readonly", {**of, "persistentvolumeclaim": claim}, self.times(), int(read_only))

    def volume(
        self,
        claim: str,
        used: Callable[[int], float | None] | float,
        capacity: Callable[[int], float | None] | float,
        available: Callable[[int], float | None] | float | None = None,
        times: list[int] | None = None,
        node: str = "node-1",
    ) -> None:
        """A volume in bytes, as the kubelet of a node has it; a function takes Unix milliseconds. Without `available`
        that is not exported."""
        of = {"namespace": self.name, "persistentvolumeclaim": claim, "instance": node}
        for part, value in (("used", used), ("capacity", capacity), ("available", available)):
            if value is not None:
                self.put(f"kubelet_volume_stats_{part}_bytes", of, times or self.times(), value)

    def serves(self, name: str, rate: float, times: list[int], **labels: str) -> None:
        count = lambda at: 1e6 + rate * (at - self.now_ms) / 1000  # noqa: E731 - a counter
        self.put(name, {"namespace": self.name, **labels}, times, count)
