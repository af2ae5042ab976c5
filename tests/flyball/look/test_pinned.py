"""A pinned checkpoint that was lost is a warning of whatever opens the log; `status` goes on showing it."""

from pathlib import Path

import pytest

from flyball.cli.main import main
from flyball.exits import Exit
from tests.kit.installation import flags

ACT = ["act", "scale", "deploy/web", "--replicas", "5", "--yes"]
GONE = "no pinned checkpoint proves the first"


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, value in flags(tmp_path).items():
        if value:
            monkeypatch.setenv(f"FLYBALL_{name.upper()}", value)
    assert main(["status"]) == Exit.DONE
    (found,) = (p for p in (tmp_path / "pinned").glob("sandbox-*") if not p.suffix)
    return found


def test_acting_goes_on_and_warns(pinned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert GONE not in capsys.readouterr().err
    pinned.unlink()
    assert main(ACT) == Exit.DONE
    assert GONE in capsys.readouterr().err
    assert main(["status"]) == Exit.DONE
    shown = capsys.readouterr()
    assert (GONE in shown.out, GONE in shown.err) == (True, False)


def test_a_place_that_cannot_be_used_is_a_warning_each_time(
    pinned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pinned.with_name(f"{pinned.name}.lock").unlink()
    pinned.unlink()
    pinned.mkdir()
    pinned.with_name(f"{pinned.name}.lock").symlink_to("/nowhere")  # not followed
    for _ in range(2):
        assert main(ACT) in (Exit.DONE, Exit.REFUSED)  # the second meets its cooldown
        assert "cannot be pinned" in capsys.readouterr().err
    assert main(["status"]) == Exit.DONE
    assert "its newest checkpoint is not stored" in capsys.readouterr().out


def test_when_it_is_written_is_one_of_two_words(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_PINNED_WRITE", "sync")
    assert main(["status"]) == Exit.DONE
    monkeypatch.setenv("FLYBALL_PINNED_WRITE", "sometimes")
    assert main(["status"]) == Exit.USAGE
