"""The shipped PromQL of volumes: how much is used of the fullest one that a workload's pods mount and write.

The kubelet exports `kubelet_volume_stats_used_bytes`, `_available_bytes`, `_capacity_bytes` by namespace and claim;
kube-state-metrics says which pod mounts which claim (`kube_pod_spec_volumes_persistentvolumeclaims_info`), whether
it may write there (`…_readonly`), and which claims are block devices (`kube_persistentvolumeclaim_info`). No name of
a claim goes into a query: they are joined by their labels.

- Pods that run are asked, not those that are ready: a full volume is why a pod is not.
- What a volume holds is what is used and what is available, where that is less than its capacity: the blocks that a
  file system keeps for root are nobody's. On an ext4 of 10 GiB these are half a GiB.
- A block device has zeros for used and available (pkg/kubelet/server/stats/volume_stat_calculator.go). Nothing used
  is nothing measured: a file system never uses nothing.
- A claim that several nodes mount is exported by each kubelet: it counts once.
- The fullest is told by its share, so both figures are of one volume; of two that are as full, of the larger one.
"""

from tools.metrics.coverage import OF, POD
from tools.metrics.templates import Template
from tools.metrics.types import Metric

_CLAIM = "namespace, persistentvolumeclaim"
_HERE = 'namespace="$namespace"$labels'
_SPEC = "kube_pod_spec_volumes_persistentvolumeclaims"
_RUNNING = f'(kube_pod_status_phase{{{OF},phase="Running"}} == 1)'
_WRITTEN = f"{_SPEC}_info{{{OF}}} unless on ({POD}, volume) ({_SPEC}_readonly{{{OF}}} == 1)"
_MOUNTED = f"max by ({_CLAIM}) (({_WRITTEN}) and on ({POD}) {_RUNNING})"
_BLOCK = f'kube_persistentvolumeclaim_info{{{_HERE},volumemode="Block"}}'
_SAMPLE = f"kubelet_volume_stats_used_bytes{{{_HERE}}}"


def _by_claim(each: str) -> str:
    return f"(max by ({_CLAIM}) ({each}) and on ({_CLAIM}) ({_MOUNTED}))"


_USED = _by_claim(f"{_SAMPLE} > 0")
_AVAILABLE, _CAPACITY = (
    _by_claim(f"kubelet_volume_stats_{part}_bytes{{{_HERE}}}") for part in ("available", "capacity")
)
_HOLDS = f"(({_USED} + on ({_CLAIM}) {_AVAILABLE}) < on ({_CLAIM}) {_CAPACITY} or {_CAPACITY})"
_SHARE = f"({_USED} / on ({_CLAIM}) {_HOLDS})"
_FULLEST = f"({_SHARE} == on () group_left () max({_SHARE}))"


def _template(figure: str) -> Template:
    expected = f"count({_MOUNTED} unless on ({_CLAIM}) {_BLOCK})"
    return Template(f"max({figure} and on ({_CLAIM}) {_FULLEST})", _SAMPLE, f"count({_USED})", expected)


def volumes() -> dict[Metric, Template]:
    """Of a workload's fullest volume."""
    return {Metric.DISK_USAGE: _template(_USED), Metric.DISK_CAPACITY: _template(_HOLDS)}
