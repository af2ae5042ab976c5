"""docs/flows.md: its call trees are the calls of the code."""

import pytest

from tests.docs.kit import blocks, hold_to_the_code, page

TREES = blocks(page("docs/flows.md"), "text")


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.split()[0])
def test_a_flow_is_what_the_code_calls(tree: str) -> None:
    hold_to_the_code(tree)


def test_every_flow_enters_the_path_by_the_executor_or_only_reads() -> None:
    roots = {tree.split()[0]: tree for tree in TREES}
    writing = ("_one", "PlanVotes.approve", "build", "tune")
    assert all("Executor.execute " in roots[root] for root in writing)
    assert not any("Writer." in tree for tree in TREES), "only the path writes"
