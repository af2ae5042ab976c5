"""The registry of the contract's cases; tests/contract/test_cluster.py runs them on each cluster."""

from tests.contract.harness import Body

CASES: dict[str, Body] = {}


def case(body: Body) -> Body:
    """Add a case; its name is the area, two underscores, and what it holds to."""
    CASES[body.__name__] = body
    return body
