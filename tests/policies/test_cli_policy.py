"""`flyball policy …` from the outside: words, exit codes, one JSON document; and the manual's examples."""

import json
import re
from pathlib import Path

import pytest

from flyball.cli.main import main
from policies.loader import compile_texts
from policies.rule_tests import run
from tests.kit.policies import CATALOGUE, PEOPLE, Doc, agent, rule, text

MANUAL = Path(__file__).parents[2] / "docs" / "policy.md"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FLYBALL_CONTEXT", "sandbox")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("can-i scale deploy/web", 0, "depends on the numbers: replicas 2 to 12"),
        ("can-i scale deploy/web --replicas 15", 0, "yes"),
        ("can-i scale deploy/web --replicas 60", 3, "limits.replicas.max = 20"),
        ("can-i scale deploy/search --as agent:ops", 3, "no rule lets agent:ops scale"),
        ("can-i scale deploy/web -n kube-system", 3, "may never"),
        ("can-i scael deploy/web", 2, "`scael` is not an action"),
        ("can-i scale deploy/Web", 2, "not a Kubernetes name"),
        ("can-i scale deploy/web --as root", 2, "is not a known identity"),
        ("explain scale deploy/web --replicas 15 --current-replicas 4", 0, "needs 1 of local"),
        (
            "explain scale deploy/web --replicas 60 --current-replicas 4",
            0,
            "replicas 2 to 9 alone (web-alone)",
        ),
        (
            "explain set_resources deploy/web --set cpuRequest=5 --from cpuRequest=4",
            0,
            "limits.cpuRequest.max = 2",
        ),
        ("explain set_resources deploy/web --set cpuRequest", 2, "KEY=VALUE"),
        ("explain scale deploy/web --as agent:zz", 0, "is not an agent of this policy"),
        ("test", 0, "0 failed"),
        ("lint", 0, "0 findings"),
    ],
)
def test_a_question_and_its_exit_code(
    line: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if line.endswith("--replicas 15") and line.startswith("can-i"):
        code, said = 4, "with approval"
    assert main(["policy", *line.split()]) == code
    out = capsys.readouterr()
    assert said in out.out + out.err


@pytest.mark.parametrize(
    "line", ["can-i scale deploy/web", "explain scale deploy/web --replicas 60", "test", "lint"]
)
def test_json_is_one_document(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["policy", *line.split(), "-o", "json"])
    assert json.loads(capsys.readouterr().out)["apiVersion"] == "flyball/v1"


def test_failing_tests_findings_and_broken_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = {"as": "human:anna", "scale": 8, "from": 4, "target": "shop/deployment/web", "expect": "deny"}
    (tmp_path / "p.yaml").write_bytes(text([{**rule(), "tests": [case]}, *PEOPLE]))
    assert main(["policy", "test", "--policies", str(tmp_path)]) == 1
    assert "FAILED" in capsys.readouterr().out
    (tmp_path / "p.yaml").write_bytes(text([rule(), *PEOPLE]))
    assert main(["policy", "lint", "--policies", str(tmp_path)]) == 1
    assert "web has no tests" in capsys.readouterr().out
    (tmp_path / "p.yaml").write_bytes(text([rule(), *PEOPLE]).replace(b"maxStep", b"maxstep"))
    assert main(["policy", "test", "--policies", str(tmp_path)]) == 2
    assert "did you mean 'maxStep'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"strategy": ["nope"]}, "nightly names the strategy nope, which is not there"),
        ({"roles": ["scalre"]}, "no rule names the role scalre"),
        (
            {"scope": {"clusters": ["sandbox"], "namespaces": ["shop"], "kinds": ["pod"], "names": ["*"]}},
            "kind pod",
        ),
    ],
)
def test_what_an_agent_names_and_nothing_has(
    spec: Doc, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.yaml").write_bytes(text([agent("nightly", **spec)]))
    assert main(["policy", "lint", "--policies", str(tmp_path)]) == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (rule(quiet=["alert"]), "'alerts'"),
        (rule(require=[{"verify": "5m", "metric": "latency", "maxRatio": 2}]), "'latency_p95'"),
        (agent("nightly", budgets={"delta": {"cpuRequests": "4/h"}}), "`cpuRequests` is not one of"),
        (agent("nightly", schedule={"cron": "0 3 * * *", "misfire": "never"}), "'skip' or 'once'"),
        (agent("nightly", autonomy={"*": "auto"}), "'autonomous'"),
    ],
)
def test_words_of_a_closed_set_do_not_load(
    broken: Doc, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.yaml").write_bytes(text([broken, *PEOPLE]))
    assert main(["policy", "lint", "--policies", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_the_manuals_policy_loads_and_its_tests_pass() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    files = {f"manual-{number}.yaml": block.encode() for number, block in enumerate(blocks)}
    snapshot = compile_texts(files, catalogue=CATALOGUE, clusters=["prod-eu"])
    assert {result.problem for result in run(snapshot)} == {None}


def test_the_manuals_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for line in re.findall(r"^\| `flyball (policy .*?)`", MANUAL.read_text(), re.MULTILINE):
        assert main(line.split()) in (0, 3, 4), line
