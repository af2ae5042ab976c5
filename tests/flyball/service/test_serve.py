"""`flyball serve`: one works and one waits, what each end leaves behind, and what it says of itself.

what happens                     what must be so
it is killed (-9)                the one in standby is active within seconds; the log says that nothing was said
it is frozen past its lease      likewise; when it wakes it steps back and waits
it is asked to stop              it ends by itself with exit 0; the log says so; no socket is left behind
a second one, with --once        refused: the first one does what is due
"""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from flyball.service.duties import duties_of
from tests.flyball.service.serving import ROOT, Served, flyball, served, status, until
from tests.kit.installation import App, within

ACTIVE, STANDBY = "active: ", "standby: process"


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a world and a log, so that no service begins by making them."""
    home = tmp_path_factory.mktemp("home")
    assert flyball(home, "status")[0] == 0
    return home


def state(home: Path) -> Path:
    return home / ".local/state/flyball/sandbox"


def records(home: Path, kind: str) -> list[dict[str, object]]:
    _, out, _ = flyball(home, "audit", "tail", "--kind", kind, "-o", "json")
    return list(json.loads(out)["items"])


@pytest.mark.slow
def test_one_works_and_one_waits_and_takes_over_when_the_first_is_killed(lived_in: Path) -> None:
    with served(lived_in) as one, served(lived_in) as other:
        first = _active_of(one, other)
        second = other if first is one else one
        second.line(STANDBY)
        assert [(s["role"], s["pid"]) for s in status(lived_in)] == [
            ("active", first.process.pid),
            ("standby", second.process.pid),
        ]
        killed = time.monotonic()
        first.process.kill()
        second.line(ACTIVE)
        assert time.monotonic() - killed < 15
        assert second.end() == 0
    _, out, _ = flyball(lived_in, "audit", "tail")
    assert "ended without a word" in out


def _active_of(one: Served, other: Served) -> Served:
    """Whichever came first."""
    pid = until(lambda: [s["pid"] for s in status(one.home) if s["role"] == "active"])[0]
    return one if one.process.pid == pid else other


@pytest.mark.slow
def test_a_frozen_one_steps_back_when_it_wakes(lived_in: Path) -> None:
    with served(lived_in) as first:
        first.line(ACTIVE)
        with served(lived_in) as second:
            second.line(STANDBY)
            first.process.send_signal(signal.SIGSTOP)
            second.line(ACTIVE)
            first.process.send_signal(signal.SIGCONT)
            first.line("no longer active: its lease lapsed")
            first.line(STANDBY)
            assert second.end() == 0
            first.line(ACTIVE)
        assert first.end() == 0


def test_it_ends_by_itself_when_it_is_asked_to(lived_in: Path) -> None:
    with served(lived_in) as one:
        one.line(ACTIVE)
        assert list(state(lived_in).glob("serve-*.sock"))
        assert one.end(signal.SIGTERM) == 0
    assert not list(state(lived_in).glob("serve-*.sock"))
    code, out, _ = flyball(lived_in, "serve", "status")
    assert (code, out) == (7, "sandbox  no service runs   flyball serve\n")


def test_ctrl_c_ends_it_like_sigterm(lived_in: Path) -> None:
    with served(lived_in) as one:
        one.line(ACTIVE)
        assert one.end(signal.SIGINT) == 0


def test_status_tells_duties_and_what_is_not_ready(lived_in: Path) -> None:
    with served(lived_in) as one:
        one.line(ACTIVE)
        until(lambda: status(lived_in)[0]["duties"][0]["runs"])
        (found,) = status(lived_in)
        assert {"resolver", "verifier"} <= {duty["name"] for duty in found["duties"]}
        assert found["ready"] == {"log": "", "policy": "", "cluster": "", "jobs": ""}
        _, out, _ = flyball(lived_in, "serve", "status")
        assert "sandbox  active  process" in out
        assert "resolver" in out
        _, out, _ = flyball(lived_in, "status")
        assert f"serve        process {one.process.pid}   flyball serve status" in out
        assert one.end() == 0
    assert "serve        nobody serves   flyball serve" in flyball(lived_in, "status")[1]


@pytest.mark.slow
def test_once_does_what_is_due_and_ends_and_only_where_nobody_serves(lived_in: Path) -> None:
    code, out, err = flyball(lived_in, "serve", "--once")
    assert (code, out) == (0, "sandbox  nothing happened\n"), err
    told = json.loads(flyball(lived_in, "serve", "--once", "-o", "json")[1])
    assert (told["kind"], told["happened"]["runs"], told["problems"]) == ("ServedOnce", 0, [])
    with served(lived_in) as one:
        one.line(ACTIVE)
        code, _, err = flyball(lived_in, "serve", "--once")
        assert code == 7
        assert f"process {one.process.pid} is active on this state folder" in err
        assert one.end() == 0


def test_its_lines_are_json_with_the_common_option(lived_in: Path) -> None:
    with served(lived_in, "-o", "json") as one:
        line = json.loads(one.line("active: "))
        assert line.keys() == {"ts", "level", "message"}
        assert line["level"] == "info"
        assert one.end() == 0


def test_a_port_tells_health_and_nothing_else(lived_in: Path) -> None:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    port = _free_port()
    with served(lived_in, "--listen", f"127.0.0.1:{port}") as one:
        one.line(ACTIVE)
        for path in ("healthz", "readyz"):
            with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as answer:
                assert (answer.status, answer.read()) == (200, b"ok\n")
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{port}/status", timeout=20)
        assert one.end() == 0


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    "words",
    [("--listen", "8080"), ("--listen", ":8080"), ("--listen", "127.0.0.1:99999"), ("status", "--once"),
     ("--once", "--listen", "127.0.0.1:8080"), ("stop",)],
)  # fmt: skip
def test_what_makes_no_sense_is_a_usage_error(lived_in: Path, words: tuple[str, ...]) -> None:
    assert flyball(lived_in, "serve", *words)[0] == 2


def test_the_documented_path_of_the_unit_is_there() -> None:
    assert (ROOT / "deploy/systemd/flyball.service").is_file()


def test_the_pages_commands_run_and_its_table_has_every_duty(lived_in: Path) -> None:
    page = (ROOT / "docs/serve.md").read_text()
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    ended = [flyball(lived_in, *line.split()[1:])[0] for line in block.splitlines()]
    assert ended == [0, 7], "nobody serves when the second one asks"
    told = set(re.findall(r"^\| `(\w+)` \|", page.partition("## One works")[0], re.MULTILINE))

    async def work(app: App) -> None:
        assert {duty.name for duty in duties_of(app)} <= told

    within(lived_in / "other", work)
