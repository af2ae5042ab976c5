"""`flyball sandbox advance` with agents that have schedules: they live in the world's time, without `--still`."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, allow, doc, write_policy

ROOT = Path(__file__).parents[3]
VERIFIED = allow(
    "scaling", ["scale"], limits={"replicas": {"min": 2, "max": 12}}, require=["dryRun", {"verify": "5m"}]
)
NIGHT = doc("Agent", "night", {
    "owner": "local", "roles": ["operator"], "autonomy": "observe", "schedule": {"cron": "0 3 * * *", "zone": "UTC"},
})  # fmt: skip


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLYBALL_BASE", "no")
    return write_policy(tmp_path / "policies", [LOCAL, VERIFIED, NIGHT])


@pytest.fixture
def alone(policies: Path) -> Path:
    """The same without an agent that runs by itself."""
    return write_policy(policies, [LOCAL, VERIFIED])


def changed(flyball: Flyball, policies: Path) -> None:
    """A change whose verdict is due in five minutes."""
    done = flyball(["act", "scale", "deploy/web", "--replicas", "6", "--yes", "--policies", str(policies)])
    assert done.code == Exit.DONE, done.err


def verdicts(flyball: Flyball) -> int:
    return flyball("audit tail -o json").out.count('"action.verified"')


def test_the_duties_are_done_while_time_passes(flyball: Flyball, policies: Path) -> None:
    changed(flyball, policies)
    done = flyball(["sandbox", "advance", "10m", "--policies", str(policies)])
    assert done.code == Exit.DONE, done.err
    first, second = done.out.splitlines()
    assert first == "sandbox  advanced 10m: Mon 2026-03-02 14:10 UTC"
    assert second == "sandbox  meanwhile 0 runs, 0 changes, 1 verdict, 0 rolled back, 0 refused, 0 asked"


def test_in_json_it_is_part_of_the_one_document(flyball: Flyball, policies: Path) -> None:
    changed(flyball, policies)
    done = flyball(["sandbox", "advance", "10m", "--policies", str(policies), "-o", "json"])
    assert (done.document["advanced_s"], done.document["happened"]["verdicts"]) == (600, 1)


@pytest.mark.parametrize("why", ["still", "nobody"])
def test_the_world_moves_alone(
    flyball: Flyball, policies: Path, why: str, request: pytest.FixtureRequest
) -> None:
    changed(flyball, policies)
    where = policies if why == "still" else request.getfixturevalue("alone")
    more = ["--still"] if why == "still" else []
    done = flyball(["sandbox", "advance", "10m", "--policies", str(where), *more])
    assert done.out == "sandbox  advanced 10m: Mon 2026-03-02 14:10 UTC\n"
    assert verdicts(flyball) == 0


def test_a_policy_that_does_not_load_is_said_and_the_world_moves(flyball: Flyball, policies: Path) -> None:
    (policies / "policy.yaml").write_text("kind: Nonsense\n")
    done = flyball(["sandbox", "advance", "10m", "--policies", str(policies)])
    assert done.code == Exit.DONE
    assert "the policy does not load, so no agent works meanwhile" in done.err
    assert "advanced 10m" in done.out


@pytest.mark.slow
def test_ctrl_c_says_how_far_it_came_and_the_world_is_at_a_whole_step(home: Path, policies: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    line = [sys.executable, "-m", "flyball", "sandbox", "advance", "60d", "--policies", str(policies)]
    with subprocess.Popen(
        line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any("sandbox  advance" in text for text in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED, err
    assert "what was done stays" in err
    assert out == ""
    assert "Traceback" not in err
    look = [sys.executable, "-m", "flyball", "sandbox", "status"]
    seen = subprocess.run(look, env=env, capture_output=True, text=True, check=True)
    assert "Mon 2026-03-02 14:00" not in seen.stdout
