"""Settings: flags > FLYBALL_* > the file given, else the working folder's over the user's; and nothing else."""

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
    assert (load({})["namespace"], load({})["context"]) == ("folders", "sandbox"), (
        "the user's own holds beside it"
    )
    given = home / "given.toml"
    given.write_text('namespace = "given"\n', encoding="utf-8")
    assert (load({}, given)["namespace"], load({}, given)["context"]) == ("given", ""), "given, it is alone"
    monkeypatch.setenv("FLYBALL_NAMESPACE", "variable")
    assert load({}, given)["namespace"] == "variable"
    assert load({"namespace": "flag"}, given)["namespace"] == "flag"
    assert load({"namespace": "flag"}).values["namespace"].source == "flag"


@pytest.mark.parametrize("text", ["0", "99", "64001", "4_000", "4e3", "-5", "\u0664\u0664\u0664", "", " 400"])
def test_a_number_out_of_its_range_is_refused_with_its_source(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    given = home / "given.toml"
    given.write_text(f'model_output_tokens = "{text}"', encoding="utf-8")
    with pytest.raises(UsageError) as said:
        load({}, given).whole("model_output_tokens", 100, 64_000)
    assert said.value.where == f"model_output_tokens ({given})"
    monkeypatch.setenv("FLYBALL_MODEL_OUTPUT_TOKENS", "8000")
    assert load({}, given).whole("model_output_tokens", 100, 64_000) == 8000


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


def test_a_path_in_a_file_is_beside_that_file_wherever_one_stands(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`policies = "policies"` of the user's own file must not become the folder of a cloned repository."""
    config = home / ".config/flyball"
    config.mkdir(parents=True)
    text = 'policies = "rules"\nstate = "~/state"\nmetrics = ""\nkubeconfig = "/etc/kube"\n'
    (config / "flyball.toml").write_text(text, encoding="utf-8")
    found = load({})
    assert found["policies"] == str(config / "rules")
    assert found["state"] == str(home / "state")
    assert (found["metrics"], found["kubeconfig"]) == ("", "/etc/kube")
    monkeypatch.setenv("FLYBALL_POLICIES", "here")
    assert load({})["policies"] == "here", "in a shell a path is relative to where one stands"


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling"])
def test_the_users_own_file_is_never_passed_over_in_silence(home: Path, kind: str) -> None:
    """Without it the shipped policy and another log would hold."""
    own = home / ".config/flyball/flyball.toml"
    own.parent.mkdir(parents=True)
    {
        "folder": own.mkdir,
        "fifo": lambda: os.mkfifo(own),
        "dangling": lambda: own.symlink_to(home / "gone"),
    }[kind]()
    with pytest.raises(UsageError) as said:
        load({})
    assert said.value.where == str(own)


def test_show_tells_which_files_were_read(home: Path, flyball: Flyball) -> None:
    (home / "work/flyball.toml").write_text('namespace = "payments"\n', encoding="utf-8")
    assert "read flyball.toml   (not trusted)" in flyball("config show").out
    assert flyball("config show -o json").document["files"] == [
        {"file": "flyball.toml", "standing": "not trusted"}
    ]
