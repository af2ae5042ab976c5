"""A Prometheus that knows figures by pod, and answers a fleet's questions as the HTTP API does."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

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
        if not any(many in form["query"] for many in ("by (namespace, pod)", "by (namespace, workload)")):
            return super()._answer(asked)
        if asked.line.startswith("POST /api/v1/query_range "):
            times = range(int(form["start"]), int(form["end"]) + 1, int(form["step"]))
            values = [
                {"metric": labels, "values": [[at, text] for at in times]}
                for labels, text in self._owned(form["query"])
            ]
            return answer(200, document("matrix", values) | self.extra)
        now = self.now_ms / 1000
        found = [{"metric": labels, "value": [now, text]} for labels, text in self._parts()]
        return answer(200, document("vector", found) | self.extra)

    def _owned(self, query: str) -> list[tuple[dict[str, str], str]]:
        """The sums of the pods of each workload, by the pattern in the query, where enough of them are measured; of
        pods that it does not fit under no name, as label_replace has it."""
        pattern = re.search(r'"\$1", "pod", "((?:[^"\\]|\\.)*)"', query)
        assert pattern is not None, query
        pods: dict[tuple[str, str], list[Pod]] = {}
        for namespace, name in self.pods:
            found = re.fullmatch(pattern[1].replace("\\\\", "\\"), name)
            pods.setdefault((namespace, found[1] if found else ""), []).append((namespace, name))
        told = []
        for (namespace, name), each in pods.items():
            there = [pod for pod in each if pod not in self.unmeasured]
            if len(there) >= 0.9 * len(each):
                labels = {"flyball": "value", "namespace": namespace, "workload": name}
                told.append((labels, str(sum(Decimal(self.pods[pod]) for pod in there))))
        return [*told, ({"flyball": "clusters"}, "1")] if self.many_clusters else told

    def _parts(self) -> list[tuple[dict[str, str], str]]:
        found: list[tuple[dict[str, str], str]] = []
        for pod, text in self.pods.items():
            parts = {"expected": "1", "measured": "0" if pod in self.unmeasured else "1"}
            if pod not in self.unmeasured:
                parts |= {"value": text, "newest": str((self.now_ms - self.age_ms) / 1000)}
            found += [({"flyball": k, "namespace": pod[0], "pod": pod[1]}, v) for k, v in parts.items()]
        return [*found, ({"flyball": "clusters"}, "1")] if self.many_clusters else found
