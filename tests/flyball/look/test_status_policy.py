"""A policy that does not load: what the log holds is still told, nothing is allowed, and the problem is named."""

from pathlib import Path

import pytest

from tests.kit.command_line import Flyball


@pytest.fixture
def garbled(flyball: Flyball, tmp_path: Path) -> Path:
    flyball("act scale deploy/web --replicas 15 --yes")
    flyball(["stop", "--reason", "paging storm"])
    folder = tmp_path / "garbled"
    folder.mkdir()
    (folder / "shop.yaml").write_text("kind: [\n...\n")
    return folder


def test_status_shows_the_rest(flyball: Flyball, garbled: Path) -> None:
    said = flyball(["status", "--policies", str(garbled)])
    assert said.code == 2
    assert "does not load, so nothing is allowed" in said.out
    assert "shop.yaml:" in said.out
    assert "stopped: all" in said.out
    assert "waiting      " in said.out
    assert (
        flyball(["status", "--policies", str(garbled), "-o", "json"]).document["policy_problem"] is not None
    )


def test_what_waits_is_listed_and_can_be_withdrawn(flyball: Flyball, garbled: Path) -> None:
    said = flyball(["pending", "--policies", str(garbled), "-o", "json"])
    assert said.code == 0
    assert "the policy does not load, so nothing is allowed" in said.err
    (item,) = said.document["items"]
    gone = flyball(["deny", item["handle"], "--reason", "over", "--policies", str(garbled)])
    assert gone.code == 0


def test_nothing_is_allowed(flyball: Flyball, garbled: Path) -> None:
    for line in ("get", "act scale deploy/web --replicas 5 --yes"):
        said = flyball([*line.split(), "--policies", str(garbled)])
        assert said.code == 2
        assert "shop.yaml:" in said.err
