"""`flyball serve` while its disk is full or its policy does not load: said once, and it goes on."""

import resource
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.flyball.service.serving import flyball, served, status, until

pytestmark = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
ACTIVE = "active: "


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert flyball(tmp_path, "status")[0] == 0
    return tmp_path


@pytest.mark.slow
def test_with_a_full_disk_it_steps_back_and_comes_again(home: Path) -> None:
    """It cannot renew its lease, so somebody else might be at work: it does nothing until it holds one again."""
    with served(home) as one:
        one.line(ACTIVE)
        pid = one.process.pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, most))
        one.line("no longer active: its lease lapsed")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        one.line(ACTIVE)
        assert one.end(signal.SIGTERM) == 0
    assert flyball(home, "audit", "verify")[0] == 0
    assert "traceback" not in "\n".join(one.lines).lower()
    assert len(one.lines) < 20, one.lines


@pytest.mark.slow
def test_a_policy_that_does_not_load_is_not_ready_and_the_last_one_holds(home: Path) -> None:
    policies = home / "policies"
    assert flyball(home, "policy", "init", str(policies))[0] == 0
    with served(home, "--policies", str(policies)) as one:
        one.line(ACTIVE)
        (policies / "broken.yaml").write_text("kind: Nonsense\n...\n")
        until(lambda: status(home)[0]["ready"]["policy"])
        assert status(home)[0]["ready"]["log"] == ""
        (policies / "broken.yaml").unlink()
        until(lambda: not status(home)[0]["ready"]["policy"])
        assert one.end() == 0


def test_a_store_of_a_newer_version_is_said_at_the_start(home: Path) -> None:
    with closing(sqlite3.connect(home / ".local/state/flyball/sandbox/jobs.db")) as db:
        db.execute("PRAGMA user_version = 99")
    code, _, err = flyball(home, "serve", "--once")
    assert code == 7
    assert "the jobs are of version 99" in err


def test_a_file_of_receivers_that_is_none_leaves_the_place_free(home: Path) -> None:
    (home / "flyball.toml").write_text('notify = "notify.toml"\n')
    (home / "notify.toml").write_text("receiver = " + "9" * 5000)
    code, _, err = flyball(home, "serve", "--once", "--config", "flyball.toml")
    assert (code, "no file of receivers" in err) == (2, True), err
    (home / "notify.toml").write_text("")
    assert flyball(home, "serve", "--once", "--config", "flyball.toml")[0] == 0
