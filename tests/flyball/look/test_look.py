"""`flyball get|describe|why|changes` on the sandbox: what is shown, in which shape, and at which exit code."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flyball.cli.kit import output
from flyball.exits import Exit
from sandbox.api.store import Key
from sandbox.metrics import SimulatedMetrics
from sandbox.world import World
from tests.kit.command_line import Flyball, Typist
from tests.kit.installation import LOCAL, allow, deny, target, write_policy
from tools.errors import MetricsUnavailable

ROOT = Path(__file__).parents[3]
LOOKS = ("get", "get deploy/web", "describe deploy/web", "why deploy/web", "changes deploy/web")


def test_get_lists_the_namespace_as_kubectl_does(flyball: Flyball) -> None:
    done = flyball("get")
    assert done.code == Exit.DONE, done.err
    head, *rows = done.out.splitlines()
    assert head.split()[:4] == ["NAME", "READY", "UP-TO-DATE", "CPU"]
    cells = {row.split()[0]: row.split() for row in rows}
    assert cells["deployment/web"][1] == "4/4"
    assert cells["deployment/payments"][-2] == "argocd"
    assert cells["deployment/checkout"][-2] == "hpa/checkout"
    assert all(len(row.split()) == len(head.split()) for row in rows), "no spaces inside of values"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("sts", {"statefulset/worker"}),
        ("statefulsets", {"statefulset/worker"}),
        ("deploy web", {"deployment/web"}),
        ("deployment/web", {"deployment/web"}),
        ("web worker", {"deployment/web", "statefulset/worker"}),
        ("worker", {"statefulset/worker"}),
        ("deploy web search", {"deployment/web", "deployment/search"}),
        ("deploy/web sts/worker", {"deployment/web", "statefulset/worker"}),
        ("-l app=web", {"deployment/web"}),
        ("deploy -l app=worker", set()),
        ("all -n nobody", set()),
    ],
)
def test_get_takes_kubectls_words(flyball: Flyball, words: str, names: set[str]) -> None:
    done = flyball(f"get {words} -o json")
    assert done.code == Exit.DONE
    found = done.document
    items = found["items"] if found["kind"] == "WorkloadList" else [found]
    assert {item["target"] for item in items} == names


@pytest.mark.parametrize("line", ["describe", "why", "changes", "metrics check", "policy can-i scale"])
def test_one_workload_in_two_words(flyball: Flyball, line: str) -> None:
    done = flyball(f"{line} deploy web")
    assert done.code == Exit.DONE, done.err
    assert done.out == flyball(f"{line} deploy/web").out


def test_get_in_every_shape(flyball: Flyball) -> None:
    assert flyball("get deploy/web -o name").out == "deployment.apps/web\n"
    assert "IMAGES" in flyball("get -o wide").out
    one = flyball("get deploy/web -o json").document
    assert (one["kind"], one["replicas"]) == ("Workload", 4)
    yaml = flyball("get deploy/web -o yaml").out
    assert yaml.startswith("apiVersion: flyball/v1\nkind: Workload\n")
    figure = one["metrics"]["cpu_usage"]
    assert set(figure) == {"value", "unit", "missing", "at", "age_ms", "window_s", "coverage_ppm"}
    assert (figure["value"] is None) is bool(figure["missing"])


def test_an_empty_list_is_no_error(flyball: Flyball) -> None:
    done = flyball("get -n nobody")
    assert (done.code, done.out) == (Exit.DONE, "")
    assert "no workloads in sandbox/nobody" in done.err


def test_describe_shows_spec_and_actual_and_what_may_be_done(flyball: Flyball) -> None:
    done = flyball("describe deploy/web")
    assert done.code == Exit.DONE, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("sandbox/shop  deployment/web   4 of 4 ready")
    assert lines[-1] == "next: flyball why deployment/web -n shop"
    for part in ("owner       none", "CPU-REQUEST", "web-alone", "scale_to_zero"):
        assert part in done.out, part
    assert "argocd keeps it" in flyball("describe deploy/payments").out
    found = flyball("describe deploy/web -o json").document
    assert {m["action"]: m["permissions"] for m in found["permissions"]}["scale"] == "yes"
    assert len(found["pods"]) == 4


def test_describe_says_that_a_stopped_person_may_nothing(flyball: Flyball) -> None:
    flyball("stop")
    found = {m["action"]: m for m in flyball("describe deploy/web -o json").document.get("permissions", [])}
    assert all(m["permissions"] == "no" for m in found.values())


def test_why_cites_its_evidence_and_commands_that_run(flyball: Flyball) -> None:
    done = flyball("why deploy/checkout")
    assert done.code == Exit.DONE, done.err
    assert "[owned]" in done.out
    found = flyball("why deploy/checkout -o json").document
    assert {item["rule"] for item in found["items"]} >= {"owned"}
    for look in {item["look"] for item in found["items"]}:
        assert flyball(look.removeprefix("flyball ")).code == Exit.DONE, look


def test_changes_tells_ours_from_others_and_how_to_undo(flyball: Flyball) -> None:
    record = flyball("act scale deploy/web --replicas 6 --yes -o json").document["record"]
    done = flyball("changes deploy/web --since 30d")
    assert "(us)" in done.out
    assert "kubectl-create" in done.out
    assert f"undo: flyball undo {record}" in done.out
    items = flyball("changes deploy/web -o json").document["items"]
    (ours,) = [item for item in items if item["ours"]]
    assert (ours["what"], ours["record"], ours["undo"]) == (
        "scale 4 -> 6",
        record,
        f"flyball undo {record}",
    )
    assert flyball(f"{ours['undo'].removeprefix('flyball ')} --yes").code == Exit.DONE
    after = flyball("changes deploy/web -o json").document["items"]
    assert [item["undo"] for item in after if item["ours"]] == [None, None], "an undo is not suggested again"
    assert all(a["at"] <= b["at"] for a, b in itertools.pairwise(after)), "newest last"


def test_changes_tells_how_the_cluster_carried_ours_out(flyball: Flyball) -> None:
    flyball("act scale deploy/web --replicas 6 --yes --wait 1s")
    done = flyball("changes deploy/web")
    (ours,) = [i for i in flyball("changes deploy/web -o json").document["items"] if i["ours"]]
    assert (ours["status"], ours["settled"]) == ("applied", "timeout"), "the world stands still"
    assert "scale 4 -> 6 [timeout]" in done.out


def test_what_was_refused_or_rehearsed_or_was_so_already_is_no_change(flyball: Flyball) -> None:
    assert flyball("act scale deploy/web --replicas 4 --yes").code == Exit.DONE
    flyball("act scale deploy/web --replicas 60 --yes")
    flyball("act scale deploy/web --replicas 6 --dry-run")
    assert not [i for i in flyball("changes deploy/web -o json").document["items"] if i["ours"]]


MISTAKES = {
    "get svc": Exit.USAGE,
    "get cronjobs": Exit.USAGE,
    "describe ds/agent": Exit.FAILED,
    "get deploy/web more": Exit.USAGE,
    "get deploy/Web": Exit.USAGE,
    "get web wep": Exit.USAGE,
    "get web web": Exit.USAGE,
    "get deploy/web -l app=web": Exit.USAGE,
    "get deploy web nope": Exit.FAILED,
    "why deploy/web deploy/search": Exit.USAGE,
    "changes deploy": Exit.USAGE,
    "get -n SHOP": Exit.USAGE,
    "get -o name --watch": Exit.USAGE,
    "get deploy/nope": Exit.FAILED,
    "describe web": Exit.USAGE,
    "describe svc/web": Exit.USAGE,
    "describe": Exit.USAGE,
    "why deploy/nope": Exit.FAILED,
    "changes deploy/web --since yesterday": Exit.USAGE,
    "changes deploy/nope": Exit.FAILED,
}


@pytest.mark.parametrize(("words", "kind"), [("ds", "daemonset"), ("jobs", "job"), ("job.batch -A", "job")])
def test_a_list_of_a_kind_that_the_sandbox_has_not_is_empty_and_says_so(
    flyball: Flyball, words: str, kind: str
) -> None:
    done = flyball(f"get {words}")
    assert (done.code, done.out) == (Exit.DONE, "")
    assert done.err.startswith(f"no {kind}s in sandbox")
    assert f"the sandbox never has {kind}s" in done.err
    found = flyball("audit tail --kind tool.read -o json").document["items"]
    assert {tuple(one["record"]["observation"]["kinds"]) for one in found} == {(kind,)}
    assert flyball(f"get {words} -o json").document["items"] == []


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_said_in_three_parts(flyball: Flyball, line: str) -> None:
    done = flyball(line)
    assert done.code == MISTAKES[line], done.err
    assert done.err.startswith("error: ")
    assert done.out == ""
    assert "fault in flyball" not in done.err


@pytest.mark.parametrize("line", [line for line in LOOKS if not line.startswith("changes")])
def test_a_cluster_that_is_away_ends_with_its_code(flyball: Flyball, home: Path, line: str) -> None:
    (home / "kubeconfig").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: u, user: {}}]\ncontexts: [{name: prod, context: {cluster: c, user: u}}]\n",
        encoding="utf-8",
    )
    done = flyball(f"{line} -o json --kubeconfig {home}/kubeconfig")
    assert done.code == Exit.UNAVAILABLE, done.err
    assert done.document["exit_code"] == Exit.UNAVAILABLE


@pytest.mark.parametrize("line", LOOKS)
def test_nobody_looks_past_policy(flyball: Flyball, home: Path, line: str) -> None:
    policies = write_policy(
        home / "p", [LOCAL, allow("scale-only", ["scale"], limits={"replicas": {"min": 2, "max": 12}})]
    )
    done = flyball(f"{line} --policies {policies} --no-base")
    assert done.code == Exit.REFUSED, done.err
    assert done.out == ""
    assert "denied" in done.err


@pytest.mark.parametrize("line", LOOKS)
def test_what_is_refused_in_part_is_said_and_the_rest_is_shown(
    flyball: Flyball, home: Path, line: str
) -> None:
    everything = target(namespaces=["*"])
    rules = [
        allow("look", ["read"], everything),
        deny("no-figures", ["read_metrics", "get_events"], everything),
    ]
    policies = write_policy(home / "p", [LOCAL, *rules])
    done = flyball(f"{line} --policies {policies} --no-base")
    assert done.code == Exit.DONE, done.err
    assert "deployment/web" in done.out
    assert "missing: " in done.err
    assert "denied" in done.err
    assert len(done.err.splitlines()) <= 2, "one line for each reason"


def test_a_narrow_terminal_loses_columns_and_says_which(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("deployment/a-long-name", "4/4", "x" * 20, "60m")]
    head, less = ("NAME", "READY", "OWNER", "AGE"), ("OWNER",)
    assert len(output.fitted(head, rows, less)[1].split()) == 4, "a pipe gets all"
    monkeypatch.setattr("sys.stdout", Typist())
    monkeypatch.setenv("COLUMNS", "50")
    assert output.fitted(head, rows, less)[0].split() == ["NAME", "READY", "AGE"]
    assert "left out for lack of room: OWNER" in capsys.readouterr().err


@pytest.mark.parametrize("line", LOOKS)
def test_json_is_ascii_and_without_floats(flyball: Flyball, line: str) -> None:
    done = flyball(f"{line} -o json")
    assert done.code == Exit.DONE, done.err
    assert done.out.isascii()

    def no_float(text: str) -> float:
        raise AssertionError(f"a float: {text}")

    json.loads(done.out, parse_float=no_float)


def test_watch_prints_the_table_and_then_what_changes(home: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        [sys.executable, "-m", "flyball", "get", "sts", "--watch"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        head, row = process.stdout.readline(), process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert head.startswith(b"NAME"), err
    assert row.startswith(b"statefulset/worker"), err
    assert process.returncode == Exit.INTERRUPTED, err
    assert out == b""
    assert err.startswith(b"missing: latency_p95"), "why a figure is missing is said once"
    assert err.count(b"\n") == 1, "Ctrl-C needs no word"


def test_a_watch_of_nothing_prints_its_titles_once(home: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    code = "import sys\nfrom flyball.cli.look import get\nfrom flyball.__main__ import main\nget.WATCH_S = 0.01\n"
    line = [sys.executable, "-c", f"{code}sys.exit(main())", "get", "--watch", "-n", "empty"]
    with subprocess.Popen(
        line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("NAME")
            time.sleep(0.5)
        finally:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (Exit.TERMINATED, "", "")


@pytest.mark.parametrize("words", ["get", "get -A"])
def test_what_is_missing_is_said_once_and_behind_the_table(home: Path, words: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "flyball", *words.split()],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] in (["NAME", "READY"], ["NAMESPACE", "NAME"])
    assert [line for line in lines if "missing: " in line] == lines[-1:]


def test_status_says_who_stopped_it_and_why(flyball: Flyball) -> None:
    flyball(["stop", "--reason", "paging \x1b[31mstorm"])
    done = flyball("status")
    assert "stopped: all" in done.out
    assert "paging \\x1b[31mstorm" in done.out
    facts = flyball("status -o json").document
    assert facts["stopped_by"]["all"]["reason"] == "paging \x1b[31mstorm"
    assert facts["metrics"] == "sandbox"
    assert facts["pinned_problem"] is None


def test_a_figure_with_gaps_is_a_dash_and_never_zero(flyball: Flyball, home: Path) -> None:
    flyball("status")
    world = World.open(home / ".local/state/flyball/sandbox")
    world.disturb(Key("deployment", "shop", "web"), gaps="100%")
    world.close()
    done = flyball("get deploy/web")
    assert done.code == Exit.DONE
    assert done.out.splitlines()[1].split()[3:7] == ["-", "-", "-", "-"]
    assert "missing: " in done.err
    figure = flyball("get deploy/web -o json").document["metrics"]["cpu_usage"]
    assert (figure["value"], bool(figure["missing"])) == (None, True)
    why = flyball("why deploy/web -o json").document
    assert {"throttled", "saturated", "cpu-near-limit"} & {i["rule"] for i in why["items"]} == set()
    assert "unmeasured" in {i["rule"] for i in why["items"]}


@pytest.mark.parametrize("line", LOOKS[:4])
def test_metrics_that_are_away_are_said_and_the_rest_is_shown(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    async def away(*_: object) -> None:
        raise MetricsUnavailable(
            "connection refused", where="http://prometheus:9090", hint="see that it runs"
        )

    monkeypatch.setattr(SimulatedMetrics, "latest", away)
    monkeypatch.setattr(SimulatedMetrics, "history", away)
    done = flyball(line)
    assert done.code == Exit.DONE, done.err
    assert "deployment/web" in done.out
    assert done.err.count("connection refused") == 1, "said once, however many figures are missing"


def test_metrics_that_are_silent_are_not_waited_for_any_longer(
    flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from flyball.cli.look import reads
    from tools.diagnosis import snapshot

    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(SimulatedMetrics, "latest", silent)
    monkeypatch.setattr(snapshot, "PATIENCE_S", 0.2)
    monkeypatch.setattr(reads, "QUIET_S", 0.1)
    done = flyball("describe deploy/web")
    assert done.code == Exit.DONE, done.err
    assert "waiting for figures" in done.err
    assert "missing: all metrics: no answer" in done.err
    assert "web-alone" in done.out
