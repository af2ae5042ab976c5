"""Which policy files hold: the shipped base, the operator's folder on top, and how one begins."""

import re
from pathlib import Path

import pytest

from flyball.exits import Exit
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, allow, write_policy

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SCALE = allow("scaling", ["scale"], limits={"replicas": {"min": 2, "max": 12}})


def agent(name: str, autonomy: str) -> dict[str, object]:
    spec = {"owner": "local", "roles": ["operator"], "autonomy": autonomy}
    return {"apiVersion": "flyball/v1", "kind": "Agent", "metadata": {"name": name}, "spec": spec}


def test_a_folder_is_added_to_the_shipped_base(home: Path, flyball: Flyball) -> None:
    folder = write_policy(home / "p", [LOCAL, SCALE])
    with_base = f"--context sandbox --policies {folder}"
    assert flyball(f"policy can-i scale deploy/web --replicas 5 {with_base}").code == Exit.DONE
    assert flyball(f"policy can-i describe-workload deploy/web {with_base}").code == Exit.DONE
    assert "never" in flyball(f"policy can-i scale deploy/x -n kube-system {with_base}").out
    alone = f"{with_base} --no-base"
    assert flyball(f"policy can-i describe-workload deploy/web {alone}").code == Exit.REFUSED
    assert flyball(f"--no-base policy can-i scale deploy/web --replicas 5 {with_base}").code == Exit.DONE


def test_a_document_of_the_same_name_takes_the_place_of_the_shipped_one(home: Path, flyball: Flyball) -> None:
    folder = write_policy(home / "p", [LOCAL, SCALE, agent("tuner", "autonomous")])
    done = flyball(f"policy status --context sandbox --policies {folder}")
    assert "Agent/tuner takes the place of the shipped one" in done.out
    told = flyball(f"policy status --context sandbox --policies {folder} -o json").document
    assert [(one["from"], one["documents"]) for one in told["files"]] == [
        ("shipped base", 6),
        ("policies, from flag", 3),
    ]
    assert told["replaced"] == [{"document": "Agent/tuner", "by": f"{folder}/policy.yaml:5"}]


def test_status_and_config_say_what_is_loaded_from_where(
    home: Path, flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_CONTEXT", "sandbox")
    assert {one["from"] for one in flyball("policy status -o json").document["files"]} == {"shipped"}
    monkeypatch.setenv("FLYBALL_POLICIES", str(write_policy(home / "p", [LOCAL, SCALE])))
    for line in ("config show", "policy status"):
        said = flyball(line).out
        assert re.search(r"base\.yaml\s+(\()?shipped base", said)
        assert "policies, from FLYBALL_POLICIES" in said
    monkeypatch.setenv("FLYBALL_BASE", "no")
    assert "shipped base" not in flyball("policy status").out
    monkeypatch.setenv("FLYBALL_BASE", "maybe")
    assert flyball("policy status").code == Exit.USAGE


def test_without_a_base_and_a_folder_there_is_no_policy(flyball: Flyball) -> None:
    done = flyball("policy status --context sandbox --no-base")
    assert (done.code, "there is no policy" in done.err) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    ("cluster", "namespace"),
    [("prod-eu", "shop"), ("4711", "123"), ("arn:aws:eks:eu-west-1:111122223333:cluster/prod", "true")],
)
def test_init_writes_a_policy_that_loads_passes_and_has_no_finding(
    home: Path, flyball: Flyball, cluster: str, namespace: str
) -> None:
    """Whatever YAML would take the names for."""
    where = f"--context {cluster} -n {namespace}"
    done = flyball(f"policy init {home / 'p'} {where}")
    assert done.code == Exit.DONE
    assert sorted(file.name for file in (home / "p").iterdir()) == ["base.yaml", "rules.yaml"]
    for base in ("", "--no-base"):
        checked = flyball(f"policy lint --policies {home / 'p'} {base} --clusters {cluster}")
        assert checked.code == Exit.DONE, checked.out
        assert "0 findings" in checked.out
        assert flyball(f"policy test --policies {home / 'p'} {base} --clusters {cluster}").code == Exit.DONE
    again = flyball(f"policy init {home / 'p'} {where}")
    assert (again.code, "not empty" in again.err) == (Exit.USAGE, True)


def test_init_for_the_sandbox_and_a_change_under_it(home: Path, flyball: Flyball) -> None:
    assert flyball(f"policy init {home / 'p'} -o json").document["cluster"] == "sandbox"
    act = f"act scale deploy/web --replicas 5 --yes --policies {home / 'p'}"
    assert flyball(act).code == Exit.DONE
    looked = flyball(f"tune run --agent night --dry-run -o json --policies {home / 'p'}")
    assert (looked.code, [one["target"] for one in looked.document["items"]]) == (
        Exit.DONE,
        ["deployment/web"],
    )


@pytest.mark.parametrize(
    "line", ["policy init {0} --context -x -n shop", "policy init {0}/file/p --context a -n b"]
)
def test_init_that_cannot_be_done_writes_nothing(home: Path, flyball: Flyball, line: str) -> None:
    (home / "file").write_text("")
    assert flyball(line.format(home).replace("init " + str(home) + " ", f"init {home}/p ")).code == Exit.USAGE
    assert not (home / "p").exists()


def test_the_readmes_yaml_alone_works(home: Path, flyball: Flyball) -> None:
    """Loaded, tested and linted without a kubeconfig, as in CI."""
    (home / "p").mkdir()
    (home / "p/shop.yaml").write_text(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0])
    where = f"--policies {home / 'p'} --clusters prod-eu,staging"
    assert flyball(f"policy test {where}").code == Exit.DONE
    checked = flyball(f"policy lint {where}")
    assert checked.code == Exit.DONE, checked.out


def test_clusters_are_named_and_nothing_else_is_asked(
    home: Path, flyball: Flyball, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(home / "none"))
    assert flyball("policy test").code != Exit.DONE
    assert flyball("policy test --clusters sandbox,prod-eu").code == Exit.DONE
    assert not (home / ".local").exists(), "no state folder"
    assert flyball("policy test --clusters sandbox,").code == Exit.USAGE
