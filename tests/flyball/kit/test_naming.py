"""How workloads are named: kubectl's forms, and what each mistake is answered with."""

import pytest

from flyball.cli.kit.naming import Named, kinds_of, one, parse
from flyball.exits import UsageError

WEB, DB = "deployment/web", "statefulset/db"
KNOWN = (WEB, DB, "deployment/twin", "statefulset/twin")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", Named()),
        ("all", Named()),
        ("workloads", Named()),
        ("deploy", Named(kind="deployment")),
        ("statefulsets.apps", Named(kind="statefulset")),
        ("deploy web", Named(kind="deployment", names=(WEB,))),
        ("deployments a b", Named(kind="deployment", names=("deployment/a", "deployment/b"))),
        ("deploy sts", Named(kind="deployment", names=("deployment/sts",))),
        ("deploy/web", Named(names=(WEB,))),
        ("deploy/web sts/db", Named(names=(WEB, DB))),
        ("a b", Named(bare=("a", "b"))),
        ("web", Named(bare=("web",))),
    ],
)
def test_what_get_takes(words: str, found: Named) -> None:
    assert parse(words.split()) == found


@pytest.mark.parametrize("words", ["deploy/web", "deploy web", "deployment.apps/web", "deployments web"])
def test_one_workload(words: str) -> None:
    assert one(words.split()) == WEB


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        ("deplo/web", "`deplo` is not a kind of workload", "did you mean deploy?"),
        ("svc/web", "`svc` is not a kind of workload", "kinds: deploy,"),
        ("deploy/web web", "`deploy/web` names its kind and `web` does not", "deploy a b"),
        ("web deploy/web", "`deploy/web` names its kind and `web` does not", "deploy a b"),
        ("deploy deploy/web", "`deploy/web` names its kind and `deploy` does not", "deploy a b"),
        ("deploy web web", "`web` is named twice", "once"),
        ("web web", "`web` is named twice", "once"),
        ("deploy/web deployment/web", "`deployment/web` is named twice", "once"),
    ],
)
def test_what_get_refuses(words: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as e:
        parse(words.split())
    assert e.value.what == what
    assert hint in e.value.hint


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        ("web", "`web` has no kind", "write deploy/web or sts/web"),
        ("deploi", "`deploi` has no kind", "did you mean deploy/NAME?"),
        ("deploy", "`deploy` names no workload", "deploy web"),
        ("all", "`all` names no workload", "deploy web"),
        ("deplo web", "`deplo` is not a kind of workload", "did you mean deploy?"),
        ("deploy a b", "`deploy` `a` `b` are several workloads", "name one"),
        ("deploy/a deploy/b", "`deploy/a` `deploy/b` are several workloads", "name one"),
        ("a b c", "`a` `b` `c` are several workloads", "name one"),
    ],
)
def test_one_workload_alone(words: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as e:
        one(words.split())
    assert e.value.what == what
    assert hint in e.value.hint


def test_bare_names_get_the_kind_that_they_have() -> None:
    assert kinds_of(("db", "web"), KNOWN) == (DB, WEB)


@pytest.mark.parametrize(
    ("bare", "what", "hint"),
    [
        (
            ("twin",),
            "`twin` names deployment/twin and statefulset/twin",
            "write deployment/twin or statefulset/twin",
        ),
        (("wep",), "`wep` is neither a kind nor a workload here", "did you mean web?"),
        (("deplo",), "`deplo` is neither a kind nor a workload here", "did you mean deploy?"),
        (("web", "zz"), "`zz` is not a workload here", "write deploy/NAME"),
    ],
)
def test_bare_names_that_are_nobodys_or_twos(bare: tuple[str, ...], what: str, hint: str) -> None:
    with pytest.raises(UsageError) as e:
        kinds_of(bare, KNOWN)
    assert e.value.what == what
    assert hint in e.value.hint
