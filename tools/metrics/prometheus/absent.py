"""Why a figure is missing: the series that a workload has none of, and those that bear the scrape's labels in place
of their own, as a scrape without `honor_labels` leaves them (exported_namespace, exported_pod)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tools.metrics.templates import PART

_THERE, _EXPORTED = "there:", "exported:"
_CLASHING = re.compile(r"(?<![a-z_])(namespace|pod|container)(?=[=!])")
"""Labels that the scrape of kube-state-metrics' own pod has too (scrape/target.go prefixes the sample's)."""
_MAY_BE_ABSENT = re.compile(
    r"up|kube_pod_init_container_.*|kube_pod_container_(resource_requests|resource_limits|"
    r"status_last_terminated_reason)|container_cpu_cfs_.*|"
    r"kubelet_volume_stats_.*|kube_pod_spec_volumes_.*|kube_persistentvolumeclaim_info"
)
"""That nobody set or did anything is no fault of the source."""


@dataclass(frozen=True, slots=True)
class AbsentSeries:
    """What to ask about the series that one figure needs: their names, with the matchers for the workload."""

    series: Mapping[str, str]

    @property
    def parts(self) -> frozenset[str]:
        return frozenset(f"{kind}{name}" for name in self.series for kind in (_THERE, _EXPORTED))

    @property
    def query(self) -> str:
        """Each part is there where any such series is."""
        asked = {f"{_THERE}{name}": f"{name}{{{matchers}}}" for name, matchers in self.series.items()}
        for name, matchers in self.series.items():
            asked[f"{_EXPORTED}{name}"] = f"{name}{{{_exported(matchers)}}}"
        each = (f'label_replace(count({one}), "{PART}", "{part}", "", "")' for part, one in asked.items())
        return " or ".join(each)

    def absent(self, there: frozenset[str]) -> tuple[str, ...]:
        """Series that every pod has, and of which this workload has none."""
        names = sorted(name for name in self.series if f"{_THERE}{name}" not in there)
        return tuple(name for name in names if _MAY_BE_ABSENT.fullmatch(name) is None)

    def exported(self, there: frozenset[str]) -> tuple[str, ...]:
        """Series that this workload has under the scrape's labels."""
        return tuple(sorted(name for name in self.series if f"{_EXPORTED}{name}" in there))


def _exported(matchers: str) -> str:
    return _CLASHING.sub(r"exported_\1", matchers)
