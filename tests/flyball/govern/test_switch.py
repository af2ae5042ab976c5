"""`flyball stop` and reading the log need the log's folder and nothing else, least of all a good kubeconfig."""

from pathlib import Path

import pytest

from flyball.cli.main import main
from flyball.exits import Exit

BROKEN = "{ broken: [yaml"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig that cannot be parsed, and a state folder of its own."""
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))
    monkeypatch.delenv("FLYBALL_CONTEXT", raising=False)
    (tmp_path / "kubeconfig").write_text(BROKEN)
    return tmp_path / "kubeconfig"


@pytest.mark.parametrize("more", [[], ["--context", "prod"]])
def test_stop_works_while_the_kubeconfig_is_broken(
    broken: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--kubeconfig", str(broken), *more]
    assert main(["stop", "--reason", "paging storm", *given]) == Exit.DONE
    assert "all of real clusters" in capsys.readouterr().out
    assert main(["audit", "tail", *given]) == Exit.DONE
    assert main(["audit", "verify", *given]) == Exit.DONE
    assert main(["resume", *given]) == Exit.DONE


def test_a_cluster_without_a_name_is_not_guessed(broken: Path) -> None:
    assert main(["stop", "--cluster", "--kubeconfig", str(broken)]) == Exit.USAGE
    assert main(["stop", "--cluster", "--kubeconfig", str(broken), "--context", "prod"]) == Exit.DONE


def test_a_kubeconfig_that_is_named_and_missing_is_not_the_sandbox(
    broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(broken.with_name("nope")))
    assert main(["status"]) == Exit.UNAVAILABLE


def test_no_log_yet_is_no_error(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "tail", "--context", "sandbox"]) == Exit.DONE
    assert "no log yet" in capsys.readouterr().err
