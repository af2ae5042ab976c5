"""The operator's file of templates (setting `metrics`), read strictly: what is not understood is an error.

```toml
preset = "istio"          # or "opentelemetry", the default
scrape_s = 60             # seconds between two scrapes
window_s = 600            # seconds that a rate is taken over; four scrapes or more
labels = { cluster = "prod-eu" }
replica_labels = ["prometheus_replica"]   # which tell the replicas of a Prometheus apart

[templates.request_rate]
value = 'sum(rate(nginx_requests_total{namespace="$namespace",pod=~"$pods"$labels}[$window]))'
sample = 'nginx_requests_total{namespace="$namespace",pod=~"$pods"$labels}'
```
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from base import toml_files
from tools.errors import ToolError
from tools.metrics.shipped_templates import FLEET, PRESETS
from tools.metrics.templates import (
    PER_WINDOW,
    PLACEHOLDERS,
    REPLICA_LABELS,
    SCRAPE_S,
    WINDOW_S,
    Template,
    Templates,
    placeholders,
)
from tools.metrics.types import Metric

DEFAULT = "opentelemetry"
MAX_BYTES = 1024 * 1024
_KEYS = ("preset", "scrape_s", "window_s", "labels", "replica_labels", "templates")
_FIELDS = ("value", "sample", "measured", "expected")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SELECTOR = re.compile(r"(?:[a-zA-Z_:][a-zA-Z0-9_:${}]*)?\{.*\}", re.DOTALL)
_MAX_S = 3600


class MetricsConfigInvalid(ToolError):
    """A setting or file about metrics is not as documented; nothing was queried."""

    effect = "usage"


def load(path: Path | None) -> Templates:
    """The shipped templates, changed as the file says. Raises MetricsConfigInvalid with file and line or key."""
    if path is None:
        return Templates(PRESETS[DEFAULT], fleet=FLEET[DEFAULT])
    return _Reading(path).templates(_table(path))


def _table(path: Path) -> dict[str, Any]:
    hint = "correct the file, or take the setting `metrics` out; docs/metrics.md shows one"
    try:
        return toml_files.load(path, MAX_BYTES)
    except toml_files.TomlInvalid as error:
        raise MetricsConfigInvalid(str(error), where=str(path), hint=hint) from error


class _Reading:
    def __init__(self, path: Path) -> None:
        self._path = path

    def templates(self, table: Mapping[str, Any]) -> Templates:
        self._known(table, _KEYS, "")
        preset = self._one_of(table.get("preset", DEFAULT), tuple(PRESETS), "preset")
        own = self._mapping(table.get("templates", {}), "templates")
        self._known(own, tuple(Metric), "templates.")
        read = {Metric(name): self._template(f"templates.{name}", value) for name, value in own.items()}
        scrape_s = self._seconds(table, "scrape_s", SCRAPE_S)
        window_s = self._seconds(table, "window_s", WINDOW_S)
        if window_s < PER_WINDOW * scrape_s:
            self._fail(
                "the window is too short for a rate", "window_s", f"write {PER_WINDOW * scrape_s} or more"
            )
        return Templates(
            {**PRESETS[preset], **read},
            labels=self._labels(table.get("labels", {})),
            scrape_s=scrape_s,
            window_s=window_s,
            where=str(self._path),
            fleet={metric: template for metric, template in FLEET[preset].items() if metric not in read},
            replica_labels=self._names(table.get("replica_labels", list(REPLICA_LABELS)), "replica_labels"),
        )

    def _template(self, key: str, value: object) -> Template:
        fields = self._mapping(value, key)
        self._known(fields, _FIELDS, f"{key}.")
        for name in ("value", "sample"):
            if name not in fields:
                self._fail(f"`{name}` is missing", key, f"write {name} = '…'; docs/metrics.md shows one")
        if ("measured" in fields) is not ("expected" in fields):
            self._fail("`measured` and `expected` go together", key, "write both, or neither")
        texts = {name: self._text(f"{key}.{name}", text) for name, text in fields.items()}
        if _SELECTOR.fullmatch(texts["sample"]) is None:
            hint = "write a selector such as name{…}: without functions, ranges or offset"
            self._fail("`sample` is not a plain selector", f"{key}.sample", hint)
        return Template(**texts)

    def _text(self, key: str, text: object) -> str:
        if not isinstance(text, str) or not text.strip():
            self._fail("PromQL is expected here", key, f"write {key.rpartition('.')[2]} = '…'")
        used = placeholders(text)
        if unknown := sorted(used - PLACEHOLDERS):
            known = ", ".join(f"${name}" for name in sorted(PLACEHOLDERS))
            self._fail(f"`${unknown[0]}` is not a placeholder", key, f"placeholders: {known}; a dollar is $$")
        if not key.endswith((".measured", ".expected")):
            self._confined(key, used)
        return text.strip()

    def _confined(self, key: str, used: frozenset[str]) -> None:
        """What does not name the workload would give the same figure for all of them."""
        if "namespace" not in used:
            self._fail("`$namespace` is missing", key, 'add the matcher namespace="$namespace"')
        if not used & {"pods", "workload"}:
            self._fail(
                "neither `$pods` nor `$workload` is there", key, 'add pod=~"$pods" or, say, app="$workload"'
            )

    def _names(self, value: object, key: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self._fail("a list of labels' names is expected", key, f'write {key} = ["prometheus_replica"]')
        for name in value:
            self._label(name, key)
        return tuple(value)

    def _label(self, name: str, key: str) -> None:
        if _LABEL.fullmatch(name) is None or name.startswith("__"):
            self._fail(f"`{name}` is not a label's name", key, "letters, digits and _ only")

    def _labels(self, value: object) -> Mapping[str, str]:
        labels = self._mapping(value, "labels")
        for name, text in labels.items():
            self._label(name, "labels")
            if not isinstance(text, str):
                self._fail("a label's value is text", f"labels.{name}", f'write {name} = "{text}"')
        return dict(labels)

    def _seconds(self, table: Mapping[str, Any], key: str, usual: int) -> int:
        value = table.get(key, usual)
        if type(value) is not int or not 1 <= value <= _MAX_S:
            self._fail(
                f"a whole number of seconds from 1 to {_MAX_S} is expected", key, f"write {key} = {usual}"
            )
        return value

    def _one_of(self, value: object, known: tuple[str, ...], key: str) -> str:
        if value not in known:
            self._fail(f"`{value}` is not known", key, f"one of: {', '.join(known)}")
        return str(value)

    def _mapping(self, value: object, key: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._fail("a table is expected here", key, f"write [{key}] and its keys below")
        return value

    def _known(self, table: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
        for name in table:
            if name not in known:
                self._fail(f"`{name}` is not known", f"{prefix}{name}", f"one of: {', '.join(known)}")

    def _fail(self, what: str, key: str, hint: str) -> NoReturn:
        raise MetricsConfigInvalid(what, where=f"{self._path}: {key}", hint=hint)
