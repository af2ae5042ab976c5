"""Threat 28: a flyball.toml in the folder where somebody happens to stand (a cloned repository, an archive)."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball.exits import Exit, UsageError
from flyball.settings import TABLE, load
from tests.flyball.conftest import flyball, home
from tests.kit.command_line import Flyball

__all__ = ["flyball", "home"]

HARMLESS = {"namespace"}
HOSTILE = [setting.name for setting in TABLE if setting.name not in HARMLESS]


def planted(home: Path, text: str) -> Path:
    file = home / "work/flyball.toml"
    file.write_text(text, encoding="utf-8")
    return file


def own(home: Path, text: str) -> None:
    folder = home / ".config/flyball"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "flyball.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", HOSTILE)
def test_28_nothing_but_the_namespace_is_taken_from_it(home: Path, name: str) -> None:
    planted(home, f'{name} = "evil"\n')
    with pytest.raises(UsageError, match=f"`{name}` of a file in the working folder") as said:
        load({})
    assert "flyball config trust" in said.value.hint
    planted(home, 'namespace = "payments"\n')
    assert load({})["namespace"] == "payments"


def test_28_an_empty_one_does_not_hide_the_users_own(home: Path) -> None:
    """Else another log would be opened, in which the kill switch is not thrown."""
    own(home, 'state = "/srv/flyball"\npolicies = "/etc/flyball"\n')
    planted(home, "")
    found = load({})
    assert (found["state"], found["policies"]) == ("/srv/flyball", "/etc/flyball")


def test_28_what_is_trusted_is_these_bytes_at_this_place(home: Path, flyball: Flyball) -> None:
    file = planted(home, 'context = "sandbox"\npolicies = "rules"\nmodel_key = "sk-canary"\n')
    done = flyball("config trust")
    assert done.code == Exit.DONE
    assert "policies = " in done.out
    assert "sk-canary" not in done.out
    assert load({})["policies"] == str(home / "work/rules")
    kept = home / ".config/flyball/trusted.json"
    assert kept.stat().st_mode & 0o777 == 0o600

    same = home / "other/flyball.toml"
    same.parent.mkdir()
    same.write_bytes(file.read_bytes())
    os.chdir(same.parent)
    with pytest.raises(UsageError, match="not trusted"):
        load({})

    os.chdir(file.parent)
    file.write_bytes(file.read_bytes() + b"#")
    with pytest.raises(UsageError, match="not trusted"):
        load({})
    assert flyball("config trust").code == Exit.DONE
    assert flyball("config trust --remove").code == Exit.DONE
    with pytest.raises(UsageError, match="not trusted"):
        load({})


def _others_may_read(kept: Path) -> None:
    kept.chmod(0o644)


def _a_link(kept: Path) -> None:
    kept.rename(kept.with_name("elsewhere"))
    kept.symlink_to(kept.with_name("elsewhere"))


def _the_folder_is_open(kept: Path) -> None:
    kept.parent.chmod(0o777)


def _of_another_format(kept: Path) -> None:
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "format": 2}), encoding="utf-8")


def _garbage(kept: Path) -> None:
    kept.write_text("[" * 100_000, encoding="utf-8")


@pytest.mark.parametrize(
    "spoil", [_others_may_read, _a_link, _the_folder_is_open, _of_another_format, _garbage]
)
def test_28_a_list_that_others_could_have_written_trusts_nothing(
    home: Path, flyball: Flyball, spoil: Callable[[Path], None]
) -> None:
    planted(home, 'policies = "rules"\n')
    assert flyball("config trust").code == Exit.DONE
    assert load({})["policies"]
    spoil(home / ".config/flyball/trusted.json")
    with pytest.raises(UsageError, match="not trusted"):
        load({})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_28_another_users_file_is_refused_whatever_it_says(home: Path, flyball: Flyball) -> None:
    file = planted(home, 'namespace = "x"\n')
    os.chown(file, 65_534, 65_534)
    with pytest.raises(UsageError, match="another user"):
        load({})
    assert flyball("config trust").code == Exit.USAGE
    assert load({}, file)["namespace"] == "x", "given by name it is meant"


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("model_key", "model_url"),
        ("prometheus_token", "prometheus_url"),
        ("prometheus_token_file", "prometheus_url"),
        ("prometheus_key", "prometheus_url"),
    ],
)
def test_28_a_credential_goes_only_to_the_address_of_its_own_place(
    home: Path, flyball: Flyball, monkeypatch: pytest.MonkeyPatch, key: str, address: str
) -> None:
    own(home, f'{address} = "https://mine.example/v1"\n{key} = "/secret"\n')
    assert load({})[key] == "/secret"
    planted(home, f'{address} = "http://attacker.example/v1"\n')
    assert flyball("config trust").code == Exit.DONE
    found = load({})
    assert found[address] == "http://attacker.example/v1"
    with pytest.raises(UsageError, match="not sent to an address from another place"):
        found[key]
    monkeypatch.setenv("FLYBALL_" + address.upper(), "http://variable.example/v1")
    with pytest.raises(UsageError, match="not sent"):
        load({})[key]
    monkeypatch.setenv("FLYBALL_" + key.upper(), "theirs")
    assert load({})[key] == "theirs"


def test_28_the_chat_sends_no_key_there(
    home: Path, flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(
        home, 'context = "sandbox"\nmodel_url = "http://127.0.0.1:9/v1"\nmodel_name = "m"\nmodel_key = "sk"\n'
    )
    monkeypatch.setenv("FLYBALL_MODEL_URL", "http://127.0.0.1:1/v1")
    done = flyball("chat -m hello")
    assert done.code == Exit.USAGE
    assert "not sent to an address from another place" in done.err


def test_28_the_kill_switch_passes_over_it(home: Path, flyball: Flyball) -> None:
    """`stop` in such a folder stops what the user's own settings name; it is neither refused nor led elsewhere."""
    own(home, f'context = "sandbox"\nstate = "{home / "state"}"\n')
    planted(home, 'state = "elsewhere"\n')
    done = flyball("stop")
    assert done.code == Exit.DONE
    assert "passed over" in done.err
    assert (home / "state/sandbox/audit.db").exists()
    assert not (home / "work/elsewhere").exists()
    assert flyball("status").code == Exit.USAGE
