"""One grammar of durations wherever a person, a policy file or a model writes one, and one error."""

from collections.abc import Callable
from pathlib import Path

import pytest

from base.errors import FlyballError
from flyball.exits import Exit
from policies.errors import PolicyInvalid
from policies.loader import load
from tests.kit.command_line import Flyball
from tools.actions.read_metrics import MetricsArgs
from tools.actions.registry import catalogue, parse
from tools.errors import ArgumentsInvalid

LINES = {
    "changes deploy/web --since {}": "--since",
    "act scale deploy/web --replicas 5 --dry-run --wait {}": "--wait",
    "act scale deploy/web --replicas 5 --dry-run --wait={}": "--wait",
    "sandbox reset --history {}": "--history",
    "sandbox advance {}": "SPAN",
}
POLICY = """
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: slow}
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], kinds: [deployment], names: [web]}
  effect: allow
  limits: {replicas: {min: 1, max: 9}}
  cooldown: DURATION
...
"""
SAME = "`{}` is not a duration"
HINT = "write e.g. 90s, 5m, 1h30m or 2d"


LONG = "sandbox advance {}", "1d12h"
"""A day and a half of the world's time is ten seconds of ours."""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(line, text, marks=[pytest.mark.slow] if (line, text) == LONG else [])
        for line in LINES
        for text in ("1h30m", "1d12h")
    ],
)
def test_every_command_takes_it(flyball: Flyball, line: str, text: str) -> None:
    if "advance" in line:
        flyball("sandbox reset --history 1h")
    done = flyball(line.format(text))
    assert done.code == Exit.DONE, done.err


@pytest.mark.parametrize("line", [line for line in LINES if "--wait {}" not in line])
@pytest.mark.parametrize("text", ["5 m", "1.5h", "30m1h", "90"])
def test_every_command_says_the_same_of_what_is_none(flyball: Flyball, line: str, text: str) -> None:
    command, _, last = line.rpartition("{}")[0].rpartition(" ")
    done = flyball([*command.split(), f"{last}{text}"] if last else [*command.split(), text])
    assert done.code == Exit.USAGE
    assert done.err == f"error: {LINES[line]}: {SAME.format(text)}\n  {HINT}\n"


def _policy(home: Path, text: str) -> None:
    (home / "slow.yaml").write_text(POLICY.replace("DURATION", f'"{text}"'), encoding="utf-8")
    load((home,), catalogue=catalogue(), clusters=("sandbox",))


def _tool(_: Path, text: str) -> None:
    parse(MetricsArgs, {"workload": "deploy/web", "metric": "cpu_usage", "span": text})


@pytest.mark.parametrize("text", ["1h30m", "1d12h"])
@pytest.mark.parametrize("take", [_policy, _tool])
def test_policies_and_tools_take_it(tmp_path: Path, take: Callable[[Path, str], None], text: str) -> None:
    take(tmp_path, text)


@pytest.mark.parametrize("text", ["5 m", "1.5h", "30m1h", "90"])
@pytest.mark.parametrize(("take", "error"), [(_policy, PolicyInvalid), (_tool, ArgumentsInvalid)])
def test_policies_and_tools_say_the_same(
    tmp_path: Path, take: Callable[[Path, str], None], error: type[FlyballError], text: str
) -> None:
    with pytest.raises(error) as e:
        take(tmp_path, text)
    assert SAME.format(text) in e.value.what
    assert "1h30m" in f"{e.value.what} {e.value.hint}"


def test_a_workloads_own_history_takes_it(flyball: Flyball) -> None:
    """Read and too short perhaps, but no mistake in the duration."""
    done = flyball("tune backtest deploy/web --since 28d12h30m15s")
    assert "not a duration" not in done.err
    assert "fault in flyball" not in done.err
    done = flyball("tune backtest deploy/web --since soon")
    assert done.err.startswith("error: --since: `soon` is not a duration\n")
