"""How much memory a JVM needs at least, from its command line and environment; a pure function of strings.

The options are those of HotSpot (java(1) of JDK 21): -Xmx and -XX:MaxHeapSize, -XX:MaxRAMPercentage,
-XX:MaxDirectMemorySize, -XX:MaxMetaspaceSize, -XX:ReservedCodeCacheSize. The last of one option counts, in the
order in which HotSpot reads them: JAVA_TOOL_OPTIONS, then the command line (JDK_JAVA_OPTIONS comes before it), then
_JAVA_OPTIONS. Variables that only start scripts read (JAVA_OPTS, CATALINA_OPTS, JVM_OPTS) count as the command
line's begin.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NATIVE_SHARE = 0.25
NATIVE_LEAST = 128 << 20
"""What metaspace, code, threads and the collector take beside the heap, where no option says more."""

_SIZE = re.compile(r"(\d+)([kKmMgGtT]?)")
_SHIFT = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_BEFORE = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "CATALINA_OPTS", "JVM_OPTS")
_AFTER = ("_JAVA_OPTIONS",)
_NATIVE = ("MaxDirectMemorySize", "MaxMetaspaceSize", "ReservedCodeCacheSize")


@dataclass(frozen=True, slots=True)
class Jvm:
    """`heap` bytes of -Xmx, or `percent` of the container's limit (HotSpot ignores it beside -Xmx); `native` bytes
    that options give to what is not the heap. None: not said."""

    heap: int | None
    percent: float | None
    native: int


def parse(args: Sequence[str], env: Mapping[str, str] | None = None) -> Jvm | None:
    """What the options say; None where there are none that say how much memory is used. Unreadable options are
    ignored, as if they were not there."""
    seen: dict[str, str] = {}
    for word in _words(args, env or {}):
        if word.startswith("-Xmx"):
            seen["MaxHeapSize"] = word[4:]
        elif word.startswith("-XX:") and "=" in word:
            name, _, value = word[4:].partition("=")
            seen[name] = value
    heap, percent = _size(seen.get("MaxHeapSize", "")), _percent(seen.get("MaxRAMPercentage", ""))
    if heap is None and percent is None:
        return None
    native = sum(_size(seen.get(name, "")) or 0 for name in _NATIVE)
    return Jvm(heap, None if heap is not None else percent, native)


def floor(jvm: Jvm | None, peak: int) -> int:
    """Bytes below which the limit must not go; 0 without a JVM that says so.

    With -Xmx: the heap and what lies beside it. With MaxRAMPercentage the heap shrinks along with the limit, so that
    what was used at `peak` must still fit into its share: peak x 100 / percent.
    """
    if jvm is None:
        return 0
    if jvm.heap is not None:
        return jvm.heap + max(jvm.native, int(jvm.heap * NATIVE_SHARE), NATIVE_LEAST)
    assert jvm.percent is not None
    return int(peak * 100 / jvm.percent)


def _words(args: Sequence[str], env: Mapping[str, str]) -> list[str]:
    before = [word for name in _BEFORE for word in _split(env.get(name, ""))]
    after = [word for name in _AFTER for word in _split(env.get(name, ""))]
    return [*before, *(word for arg in args for word in _split(arg)), *after]


def _split(text: str) -> list[str]:
    """Words as a shell sees them (an argument may be a whole `sh -c` line); as they stand where quotes are open."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _size(text: str) -> int | None:
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    size = int(found[1]) << _SHIFT[found[2].lower()]
    return size or None


def _percent(text: str) -> float | None:
    try:
        percent = float(text)
    except ValueError:
        return None
    return percent if 0 < percent <= 100 else None
