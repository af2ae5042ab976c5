"""Numbers in policy documents: a rule's limits, a ceiling's caps, an approval's thresholds, by dimension."""

from typing import Annotated

from pydantic import Field, model_validator

from policies.fields import Cpu, Memory, Ratio, Replicas, Spec


class _Ordered(Spec):
    @model_validator(mode="after")
    def _min_below_max(self) -> "_Ordered":
        low, high = getattr(self, "min", None), getattr(self, "max", None)
        if low is not None and high is not None and low > high:
            raise ValueError("min is above max: nothing would fit")
        return self


class CountLimit(_Ordered):
    """Inclusive bounds, and the largest step from the live value."""

    min: Replicas
    max: Replicas
    max_step: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class CpuLimit(_Ordered):
    """Inclusive bounds in millicores, and the largest factor to the live value, up or down."""

    min: Cpu
    max: Cpu
    max_ratio: Ratio | None = None


class MemoryLimit(_Ordered):
    """Inclusive bounds in bytes, and the largest factor to the live value, up or down."""

    min: Memory
    max: Memory
    max_ratio: Ratio | None = None


class Limits(Spec):
    """What a rule allows, by dimension. Each dimension that one of its actions moves must be here."""

    replicas: CountLimit | None = None
    cpu_request: CpuLimit | None = None
    cpu_limit: CpuLimit | None = None
    memory_request: MemoryLimit | None = None
    memory_limit: MemoryLimit | None = None
    min_replicas: CountLimit | None = None
    max_replicas: CountLimit | None = None
    target_percent: CountLimit | None = None


class CountCap(_Ordered):
    min: Replicas | None = None
    max: Replicas | None = None
    max_step: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class CpuCap(_Ordered):
    min: Cpu | None = None
    max: Cpu | None = None
    max_ratio: Ratio | None = None


class MemoryCap(_Ordered):
    min: Memory | None = None
    max: Memory | None = None
    max_ratio: Ratio | None = None


class Caps(Spec):
    """The bounds of a ceiling, for every principal; each is optional."""

    replicas: CountCap | None = None
    cpu_request: CpuCap | None = None
    cpu_limit: CpuCap | None = None
    memory_request: MemoryCap | None = None
    memory_limit: MemoryCap | None = None
    min_replicas: CountCap | None = None
    max_replicas: CountCap | None = None
    target_percent: CountCap | None = None


class CountWhen(Spec):
    above: Replicas | None = None
    below: Replicas | None = None


class CpuWhen(Spec):
    above: Cpu | None = None
    below: Cpu | None = None


class MemoryWhen(Spec):
    above: Memory | None = None
    below: Memory | None = None


class When(Spec):
    """True where any number ends up above (below) its threshold."""

    replicas: CountWhen | None = None
    cpu_request: CpuWhen | None = None
    cpu_limit: CpuWhen | None = None
    memory_request: MemoryWhen | None = None
    memory_limit: MemoryWhen | None = None
    min_replicas: CountWhen | None = None
    max_replicas: CountWhen | None = None
    target_percent: CountWhen | None = None
