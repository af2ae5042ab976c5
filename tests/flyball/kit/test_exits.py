"""Exit codes and the shape of what is said at each: three parts for people, one document for machines."""

import json
import re
from pathlib import Path

import pytest

from flyball.exits import MEANING, Exit
from tests.kit.command_line import Flyball

MISTAKES: dict[str, tuple[str, Exit]] = {
    "no such command": ("frobnicate", Exit.USAGE),
    "no such option": ("status --frobnicate", Exit.USAGE),
    "no such action": ("act frobnicate deploy/web", Exit.USAGE),
    "no target": ("act scale --replicas 5 --yes", Exit.USAGE),
    "no replicas": ("act scale deploy/web --yes", Exit.USAGE),
    "not a number": ("act scale deploy/web --replicas five --yes", Exit.USAGE),
    "underscore": ("act scale deploy/web --replicas 1_0 --yes", Exit.USAGE),
    "exponent": ("act scale deploy/web --replicas 1e1 --yes", Exit.USAGE),
    "float": ("act scale deploy/web --replicas 5.0 --yes", Exit.USAGE),
    "full width": ("act scale deploy/web --replicas ５ --yes", Exit.USAGE),
    "too many": ("act scale deploy/web --replicas 9007199254740993 --yes", Exit.USAGE),
    "negative": ("act scale deploy/web --replicas -1 --yes", Exit.USAGE),
    "no kind": ("act scale web --replicas 5 --yes", Exit.USAGE),
    "a service": ("act scale svc/web --replicas 5 --yes", Exit.USAGE),
    "no name": ("act scale deploy/Web --replicas 5 --yes", Exit.USAGE),
    "namespace": ("act scale deploy/web -n SHOP --replicas 5 --yes", Exit.USAGE),
    "dry-run none": ("act scale deploy/web --replicas 5 --dry-run=none --yes", Exit.USAGE),
    "dry-run client": ("act scale deploy/web --replicas 5 --dry-run=client --yes", Exit.USAGE),
    "dry-run empty": ("act scale deploy/web --replicas 5 --dry-run= --yes", Exit.USAGE),
    "dry-run apart": ("act scale deploy/web --replicas 5 --yes --dry-run server", Exit.USAGE),
    "wait": ("act scale deploy/web --replicas 5 --yes --wait soon", Exit.USAGE),
    "request id": ("act scale deploy/web --replicas 5 --yes --request-id ../../x", Exit.USAGE),
    "nobody to ask": ("act scale deploy/web --replicas 5", Exit.USAGE),
    "nothing to set": ("act set-resources deploy/web --yes", Exit.USAGE),
    "undo what": ("undo --yes", Exit.USAGE),
    "undo both": ("undo 3 --last --yes", Exit.USAGE),
    "undo nothing": ("undo --last --yes", Exit.USAGE),
    "undo no record": ("undo 9999 --yes", Exit.USAGE),
    "undo a record that is not a change": ("undo 0 --yes", Exit.USAGE),
    "approve no handle": ("approve zz --yes", Exit.USAGE),
    "approve nothing": ("approve 00000000 --yes", Exit.USAGE),
    "deny without a reason": ("deny 00000000", Exit.USAGE),
    "stop both": ("stop --agent ops --cluster", Exit.USAGE),
    "stop nobody": ("stop --agent nobody", Exit.USAGE),
    "agent nobody": ("agent show nobody", Exit.USAGE),
    "output": ("status -o yaml-ish", Exit.USAGE),
    "no policies": ("status --policies none", Exit.USAGE),
    "no config": ("status --config none.toml", Exit.USAGE),
    "no kubeconfig": ("status --kubeconfig none --context prod", Exit.UNAVAILABLE),
    "refused": ("act scale deploy/web --replicas 60 --yes", Exit.REFUSED),
    "refused by names": ("act scale deploy/web -n kube-system --replicas 5 --yes", Exit.REFUSED),
    "waits": ("act scale deploy/web --replicas 15 --yes", Exit.WAITING),
    "not there": ("act scale deploy/web -n shop --replicas 5 --current-replicas 3 --yes", Exit.FAILED),
    "done": ("act scale deploy/web --replicas 5 --yes", Exit.DONE),
    "simulated": ("act scale deploy/web --replicas 5 --dry-run", Exit.DONE),
    "status": ("status", Exit.DONE),
    "pending": ("pending", Exit.DONE),
    "agents": ("agent list", Exit.DONE),
    "settings": ("config show", Exit.DONE),
    "stop": ("stop", Exit.DONE),
    "resume": ("resume", Exit.DONE),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_code_three_parts_and_one_document(flyball: Flyball, name: str) -> None:
    """Under `-o json` the person's three parts stand on stderr as ever, and stdout is the document alone."""
    line, code = MISTAKES[name]
    done = flyball(f"{line} -o json" if name != "output" else "status -o json -o yaml-ish")
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert "fault in flyball" not in done.err
    assert done.document["apiVersion"] == "flyball/v1"
    assert done.document["kind"]
    if code in (Exit.USAGE, Exit.UNAVAILABLE):
        assert re.match(r"error: \S.*\n  \S", done.err), "what, where, and a hint"
        assert done.document["exit_code"] == code
        assert all(set(p) == {"what", "where", "hint"} and p["what"] for p in done.document["problems"])
    if done.document["kind"] == "ActionResult":
        assert done.document["exit_code"] == code


@pytest.mark.parametrize("line", ["frobnicate", "act scale svc/web --replicas 5 --yes", "undo 9999 --yes"])
def test_an_error_without_json_leaves_stdout_empty(flyball: Flyball, line: str) -> None:
    done = flyball(line)
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert done.err.startswith("error: ")


@pytest.mark.parametrize("flag", ["-o json", "-ojson", "--output json", "--output=json"])
def test_json_is_asked_for_in_any_way(flyball: Flyball, flag: str) -> None:
    assert flyball(f"act scale svc/web --replicas 5 --yes {flag}").document["kind"] == "Error"
    assert flyball(f"frobnicate {flag}").document["kind"] == "Error"


def test_every_code_has_a_meaning() -> None:
    assert MEANING.keys() == set(Exit)


BROKEN = {
    "audit.db": "not a database",
    "audit.key": "not a key",
    "leases.db": "not a database",
    "world.db": "no world",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_without_a_traceback(flyball: Flyball, home: Path, name: str) -> None:
    assert flyball("status").code == Exit.DONE
    (home / ".local/state/flyball/sandbox" / name).write_text(BROKEN[name] * 100, encoding="utf-8")
    done = flyball("act scale deploy/web --replicas 5 --yes")
    assert done.code in (Exit.UNAVAILABLE, Exit.TAMPERED, Exit.FAILED, Exit.USAGE)
    assert name in done.err
    assert "fault in flyball" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "text", ["kind: [", "", "apiVersion: flyball/v1\nkind: Nothing\n...\n", "a: 1\na: 2\n...\n"]
)
def test_a_broken_policy_is_the_persons_mistake(flyball: Flyball, home: Path, text: str) -> None:
    (home / "work/p").mkdir()
    (home / "work/p/mine.yaml").write_text(text, encoding="utf-8")
    done = flyball("act scale deploy/web --replicas 5 --yes --policies p")
    assert done.code == Exit.USAGE
    assert "mine.yaml" in done.err
    assert flyball("stop --policies p").code == Exit.DONE


def test_documents_are_ascii_and_hold_what_was_said(flyball: Flyball) -> None:
    """C1 and bidi characters in a document could paint on a terminal as well as in a table."""
    said = "\x9b31m\u202e\u200b\x1b]0;x\x07"
    assert (
        flyball(["act", "scale", "deploy/web", "--replicas", "15", "--yes", "--reason", said]).code
        == Exit.WAITING
    )
    for line in ("pending -o json", "audit tail -o json"):
        done = flyball(line)
        assert done.out.isascii(), line
        assert all(c.isprintable() or c == "\n" for c in done.out), line
    assert json.dumps(said)[1:-1] in flyball("audit tail -o json").out
