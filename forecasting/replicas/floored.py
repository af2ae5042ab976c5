"""A forecast as the floor of an HPA: minReplicas moves, and the HPA stays as the reactive guard."""

from forecasting.replicas.hpa import Hpa
from forecasting.types import Demand, Ints, ReplicaRecommender, Shape


class Floored:
    """An HPA whose minReplicas at each step are what `inner` recommends."""

    def __init__(self, inner: ReplicaRecommender, hpa: Hpa) -> None:
        self._inner, self._hpa = inner, hpa
        self.name = f"{inner.name}+{hpa.name}"

    def replay(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas at the start of each step."""
        floors = self._inner.replay(demand, shape)
        return self._hpa.replay(demand, shape, floors)

    def steps(self, demand: Demand, shape: Shape) -> Ints:
        """The replicas at each of the HPA's syncs (15 s)."""
        return self._hpa.steps(demand, shape, self._inner.replay(demand, shape))
