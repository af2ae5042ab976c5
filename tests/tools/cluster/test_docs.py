"""docs/kubernetes.md says of every tool what its spec says it needs, and of every outcome what it is called."""

import re
from pathlib import Path
from typing import Any, get_args

from tools.actions import registry
from tools.actions.in_place_checks import MOST_PODS
from tools.cluster.rollout import SettledState

PAGE = (Path(__file__).parents[3] / "docs" / "kubernetes.md").read_text()


def needs(spec: Any) -> str:
    rules = [(", ".join(r.verbs), r.resource, f" ({r.group})" if r.group else "") for r in spec.rbac]
    return "; ".join(f"{verbs} {resource}{group}" for verbs, resource, group in rules)


def rows(heading: str) -> dict[str, str]:
    table = PAGE[PAGE.index(heading) :].split("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))


def test_each_tool_is_listed_with_the_rights_of_its_spec() -> None:
    specs = {**registry.READS, **registry.ACTIONS}
    assert rows("| tool | rights |") == {name: needs(spec) for name, spec in specs.items()}


def test_each_outcome_of_a_settled_change_is_explained() -> None:
    assert list(rows("| outcome | meaning |")) == [
        *(state for state in get_args(SettledState) if state != "timeout"), "timeout",
    ]  # fmt: skip


def test_how_many_pods_are_written_in_a_row() -> None:
    assert f"at most {MOST_PODS} " in PAGE
