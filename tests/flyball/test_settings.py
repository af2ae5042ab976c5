"""Settings: flags > FLYBALL_* > the file (given, else the working folder's, else the user's); and nothing else."""

import os
from pathlib import Path

import pytest

from flyball.exits import Exit, UsageError
from flyball.settings import TABLE, load
from tests.kit.command_line import Flyball


def test_the_order(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home / ".config/flyball/flyball.toml"
    config.parent.mkdir(parents=True)
    assert load({})["namespace"] == ""
    config.write_text('namespace = "users"\ncontext = "sandbox"\n', encoding="utf-8")
    assert load({})["namespace"] == "users"
    (home / "work/flyball.toml").write_text('namespace = "folders"\n', encoding="utf-8")
    assert (load({})["namespace"], load({})["context"]) == ("folders", ""), "one file, never two mixed"
    given = home / "given.toml"
    given.write_text('namespace = "given"\n', encoding="utf-8")
    assert load({}, given)["namespace"] == "given"
    monkeypatch.setenv("FLYBALL_NAMESPACE", "variable")
    assert load({}, given)["namespace"] == "variable"
    assert load({"namespace": "flag"}, given)["namespace"] == "flag"
    assert load({"namespace": "flag"}).values["namespace"].source == "flag"


@pytest.mark.parametrize(
    "text", ["policy = 'x'", "state = 1", "state = ['a']", "= x", "[state]\nx='y'", "\xff"]
)
def test_a_file_that_says_something_else_is_refused_with_its_name(home: Path, text: str) -> None:
    (home / "work/flyball.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError) as said:
        load({})
    assert said.value.where == "flyball.toml"
    assert said.value.hint


def test_show_tells_each_value_and_its_source_and_no_secret(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_MODEL_KEY", "sk-canary")
    for line in ("config show", "config show -o json"):
        done = flyball(line)
        assert done.code == Exit.DONE
        assert "sk-canary" not in done.out + done.err
        assert "FLYBALL_MODEL_KEY" in done.out
        assert all(setting.name in done.out for setting in TABLE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_a_settings_file_of_another_user_in_the_working_folder_is_refused(home: Path) -> None:
    """In a shared folder somebody else could point policies, state and the model's address elsewhere."""
    (home / "work/flyball.toml").write_text('policies = "/tmp/theirs"\n', encoding="utf-8")
    os.chown(home / "work/flyball.toml", 65_534, 65_534)
    with pytest.raises(UsageError, match="another user"):
        load({})
    assert load({}, home / "work/flyball.toml")["policies"] == "/tmp/theirs", "given by name it is meant"
