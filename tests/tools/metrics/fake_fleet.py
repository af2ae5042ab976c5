"""A Prometheus that knows figures by pod, and answers a fleet's questions as the HTTP API does."""

from dataclasses import dataclass, field

from tests.tools.metrics.fake_prometheus import Asked, FakePrometheus, answer, document

Pod = tuple[str, str]


@dataclass
class FakeFleet(FakePrometheus):
    """`pods` are figures by namespace and pod, the same at all times; those in `unmeasured` are expected only."""

    pods: dict[Pod, str] = field(default_factory=dict)
    unmeasured: set[Pod] = field(default_factory=set)
    age_ms: int = 5_000
    many_clusters: bool = False

    def _answer(self, asked: Asked) -> bytes:
        form = asked.form
        if "vector(time())" in form["query"] or "by (namespace, pod)" not in form["query"]:
            return super()._answer(asked)
        if asked.line.startswith("POST /api/v1/query_range "):
            times = range(int(form["start"]), int(form["end"]) + 1, int(form["step"]))
            values = [
                {"metric": labels, "values": [[at, text] for at in times]} for labels, text in self._parts()
            ]
            return answer(200, document("matrix", values) | self.extra)
        now = self.now_ms / 1000
        found = [{"metric": labels, "value": [now, text]} for labels, text in self._parts()]
        return answer(200, document("vector", found) | self.extra)

    def _parts(self) -> list[tuple[dict[str, str], str]]:
        found: list[tuple[dict[str, str], str]] = []
        for pod, text in self.pods.items():
            parts = {"expected": "1", "measured": "0" if pod in self.unmeasured else "1"}
            if pod not in self.unmeasured:
                parts |= {"value": text, "newest": str((self.now_ms - self.age_ms) / 1000)}
            found += [({"flyball": k, "namespace": pod[0], "pod": pod[1]}, v) for k, v in parts.items()]
        return [*found, ({"flyball": "clusters"}, "1")] if self.many_clusters else found
