"""docs/metrics.md: its commands run, its template file loads, its tables are the code's."""

import re
from pathlib import Path
from typing import get_args

from tests.kit.command_line import Flyball
from tools.metrics.shipped_templates import PRESETS
from tools.metrics.template_file import load
from tools.metrics.templates import PLACEHOLDERS, Templates
from tools.metrics.types import SPECS, Metric, Missing

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def test_the_metrics_are_the_metrics() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (up|down) \| (5 min|1 h|now) \| (.*) \|$", PAGE, re.MULTILINE)
    over = {300: "5 min", 3600: "1 h", 0: "now"}
    from tests.tools.metrics.kit import WEB

    templates = load(None)
    expected = [
        (s.metric.value, s.unit, s.rounding, over[templates.query(s.metric, WEB).window_s], s.summary)
        for s in SPECS.values()
    ]
    assert rows == expected


def test_the_reasons_are_the_reasons() -> None:
    told = re.findall(r"^\| `(\w+)` \| [^|]* \|$", PAGE, re.MULTILINE)
    assert told == [reason for reason in get_args(Missing) if reason]


def test_every_series_that_is_asked_for_is_listed() -> None:
    from tests.tools.metrics.kit import WEB

    asked = set[str]()
    for by_metric in PRESETS.values():
        for metric in Metric:
            query = Templates(by_metric).query(metric, WEB).instant
            asked |= set(re.findall(r"\b((?:container|kube|kubelet|http|istio)_\w+)\{", query))
    listed = set(re.findall(r"`((?:container|kube|kubelet|http|istio)_\w+)`", PAGE))
    assert asked | {"kube_statefulset_status_replicas_ready"} <= listed


def test_the_template_file_loads(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "metrics.toml"
    file.write_text(next(block for block in blocks if "[templates." in block))
    assert load(file).scrape_s == 60


def test_the_placeholders_are_listed() -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("- Placeholders"))
    assert set(re.findall(r"`\$(\w+)`", line)) == PLACEHOLDERS


def test_the_commands_run(flyball: Flyball) -> None:
    for line in re.findall(r"^flyball (.*)$", PAGE, re.MULTILINE):
        done = flyball(f"{line} --context sandbox")
        assert done.code == 0, done.err
        assert "cpu_usage" in done.out
