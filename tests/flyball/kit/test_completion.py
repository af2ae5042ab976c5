"""Completion by the shells' own protocol, in a process of its own as a shell runs it.

bash, zsh, fish · commands, options, choices · contexts, namespaces, names · silent, bounded, never a record
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flyball.cli.kit import remembered_names
from flyball.exits import Exit
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, allow, write_policy

ROOT = Path(__file__).parents[3]
SHOWN = ["deploy/checkout", "deploy/payments", "deploy/report", "deploy/search", "deploy/web", "sts/worker"]


class Shell:
    """Asks as a shell's function does; `kubeconfig` is written where kubectl looks."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def ask(self, shell: str, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`line` up to the cursor."""
        words = line.split(" ")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "_FLYBALL_COMPLETE": f"complete_{shell}", **more}
        env |= {
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_TYPER_COMPLETE_ARGS": line,
        }
        return subprocess.run(
            [sys.executable, "-m", "flyball"],
            env=env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def bash(self, line: str) -> list[str]:
        done = self.ask("bash", line)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    def kubeconfig(self, *contexts: str) -> None:
        named = [
            {"name": name, "context": {"cluster": "c", "user": "u", "namespace": "team"}} for name in contexts
        ]
        document = {
            "kind": "Config",
            "contexts": named,
            "clusters": [],
            "users": [],
            "current-context": contexts[0],
        }
        (self.home / ".kube").mkdir(exist_ok=True)
        (self.home / ".kube/config").write_text(json.dumps(document), "utf-8")


@pytest.fixture
def shell(home: Path) -> Shell:
    return Shell(home)


@pytest.fixture
def seen(flyball: Flyball) -> Flyball:
    """Somebody who has looked at the shop."""
    assert flyball("get").code == Exit.DONE
    return flyball


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("flyball descr", ["describe"]),
        ("flyball act sc", ["scale"]),
        ("flyball act scale deploy/web --curr", ["--current-replicas"]),
        ("flyball get -o ", ["table", "wide", "json", "yaml", "name"]),
        ("flyball tune backtest-", ["backtest-cpu"]),
        ("flyball --state /nowhere descr", ["describe"]),
        ("flyball nonsen", []),
    ],
)
def test_commands_options_and_choices(shell: Shell, line: str, offered: list[str]) -> None:
    assert shell.bash(line) == offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("flyball get ", ["deploy", "sts", *SHOWN]),
        ("flyball get deploy/", [one for one in SHOWN if one.startswith("deploy/")]),
        ("flyball why deployment/w", ["deployment/web"]),
        ("flyball get deploy w", ["web"]),
        ("flyball get deploy web s", ["search"]),
        ("flyball act scale sts/", ["sts/worker"]),
        ("flyball act scale deploy ch", ["checkout"]),
        ("flyball get -n ", ["shop"]),
        ("flyball get -n data ", ["deploy", "sts"]),
        ("flyball get svc/", []),
    ],
)
def test_names_that_were_shown(seen: Flyball, shell: Shell, line: str, offered: list[str]) -> None:
    assert shell.bash(line) == offered


def test_nothing_was_shown_nothing_is_offered_and_nothing_is_made(shell: Shell, home: Path) -> None:
    assert shell.bash("flyball get deploy/") == []
    assert not (home / ".local").exists()


def test_no_record_and_no_look_at_the_cluster(seen: Flyball, shell: Shell, home: Path) -> None:
    before = seen("status -o json").document["records"]
    (home / ".local/state/flyball/sandbox/world.db").unlink()
    assert shell.bash("flyball get deploy/w") == ["deploy/web"]
    assert not (home / ".local/state/flyball/sandbox/world.db").exists()
    assert seen("status -o json").document["records"] == before


def test_what_may_no_longer_be_listed_is_forgotten(seen: Flyball, shell: Shell, home: Path) -> None:
    policies = write_policy(
        home / "p", [LOCAL, allow("none", ["scale"], limits={"replicas": {"min": 1, "max": 2}})]
    )
    assert seen(f"get --policies {policies} --no-base").code == Exit.REFUSED
    assert shell.bash("flyball get deploy/") == []


def test_contexts_of_the_kubeconfig(shell: Shell) -> None:
    shell.kubeconfig("prod-eu", "arn:aws:eks:eu-west-1:1:cluster/x")
    assert shell.bash("flyball get --context ") == ["sandbox", "prod-eu", "arn:aws:eks:eu-west-1:1:cluster/x"]
    assert shell.bash("flyball get --context pr") == ["prod-eu"]
    assert shell.bash("flyball get -n ") == ["team"]
    assert shell.bash("flyball get --context sandbox -n ") == ["shop"]


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_what_a_shell_would_evaluate_is_not_offered(shell: Shell, shell_name: str) -> None:
    shell.kubeconfig("good", "$(touch /tmp/x)", "`id`", "a b", "a'b", "-x", "a;b", "\x1b[31m", "a\nb", "ü")
    out = shell.ask(shell_name, "flyball get --context ", _TYPER_COMPLETE_FISH_ACTION="get-args").stdout
    assert "good" in out
    assert not any(bad in out for bad in ("touch", "`", ";b", "\x1b", "ü"))


def test_zsh_and_fish_have_the_summaries(shell: Shell) -> None:
    assert '"status":"Show context' in shell.ask("zsh", "flyball sta").stdout
    fish = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert shell.ask("fish", "flyball sta", **fish).stdout.startswith("status\tShow context")
    is_args = {"_TYPER_COMPLETE_FISH_ACTION": "is-args"}
    assert shell.ask("fish", "flyball sta", **is_args).returncode == 0
    assert shell.ask("fish", "flyball nonsen", **is_args).returncode == 1


@pytest.mark.parametrize("name", ["config", "state"])
def test_broken_files_are_silent(seen: Flyball, shell: Shell, home: Path, name: str) -> None:
    if name == "config":
        (home / ".kube").mkdir()
        (home / ".kube/config").write_text("kind: [", "utf-8")
    else:
        (home / ".local/state/flyball/sandbox" / remembered_names.FILE).write_text(
            '{"format": 1, "contexts": [[', "utf-8"
        )
    for line in ("flyball get --context ", "flyball get -n ", "flyball get deploy/"):
        done = shell.ask("bash", line)
        assert (done.returncode, done.stderr) == (0, "")
    assert seen("get").code in (Exit.DONE, Exit.UNAVAILABLE)


def test_a_file_that_blocks_is_left_after_a_second(shell: Shell, home: Path) -> None:
    (home / ".kube").mkdir()
    os.mkfifo(home / ".kube/config")
    begun = time.monotonic()
    assert shell.bash("flyball get -n ") == []
    assert time.monotonic() - begun < 15, "one second, and the start of a process on a busy machine"


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_is_the_shells_own(flyball: Flyball, name: str) -> None:
    done = flyball(f"completion {name}")
    assert done.code == Exit.DONE
    assert f"_FLYBALL_COMPLETE=complete_{name}" in done.out
    if program := shutil.which(name):
        assert subprocess.run([program, "-n"], input=done.out, text=True, check=False).returncode == 0


def test_bash_itself_completes(seen: Flyball, home: Path, tmp_path: Path) -> None:
    """The function as bash calls it, with `flyball` on the PATH."""
    (home / "bin").mkdir()
    (home / "bin/flyball").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m flyball "$@"\n')
    (home / "bin/flyball").chmod(0o755)
    asked = (
        "source <(flyball completion bash); COMP_WORDS=(flyball get deploy/w); COMP_CWORD=2; "
        '_flyball_completion flyball; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    env = {**os.environ, "PATH": f"{home}/bin:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asked], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("deploy/web\n", "")


def test_the_names_are_bounded_and_private(tmp_path: Path) -> None:
    remembered_names.keep(tmp_path, "c", {"a": [f"deployment/n{n}" for n in range(5000)]}, whole=True)
    assert len(remembered_names.read(tmp_path, "c")["a"]) == 1000
    remembered_names.keep(tmp_path, "c", {f"s{n}": ["deployment/x"] for n in range(500)}, whole=False)
    assert len(remembered_names.read(tmp_path, "c")) == 200
    assert (tmp_path / remembered_names.FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [remembered_names.FILE]
    remembered_names.keep(tmp_path / "nowhere", "c", {"a": ["deployment/x"]}, whole=True)
