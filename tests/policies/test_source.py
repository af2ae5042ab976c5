"""Reload: whole or not at all. Whatever a torn write leaves behind, the last good policy stays in force."""

import os
from pathlib import Path

import pytest

from policies.errors import PolicyInvalid
from policies.source import PolicySource
from tests.kit.policies import CATALOGUE, CLUSTERS, PEOPLE, Doc, ask, decide, deny, rule, text

BLOCK = b"""\
apiVersion: flyball/v1
kind: ActionPolicy
metadata:
  name: web
spec:
  roles: [operator]
  actions: [scale]
  target: {clusters: [sandbox], namespaces: [shop], names: [web]}
  effect: allow
  limits:
    replicas:
      min: 2
      max: 12
      maxStep: 5
  approval:
    from: sre
    when: always
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {name: never}
spec:
  roles: [everyone]
  actions: [write]
  target: {clusters: ["*"], namespaces: ["*"], names: [api]}
  effect: deny
...
"""


def source(folder: Path) -> PolicySource:
    return PolicySource([folder], catalogue=CATALOGUE, clusters=CLUSTERS)


def put(folder: Path, raw: bytes, name: str = "p.yaml") -> None:
    aside = folder / "aside"
    aside.write_bytes(raw)
    os.replace(aside, folder / name)


def people(folder: Path, *more: Doc) -> None:
    put(folder, text([*PEOPLE, *more]), "people.yaml")


def test_a_file_truncated_at_any_byte_is_never_in_force(tmp_path: Path) -> None:
    people(tmp_path)
    for length in range(len(BLOCK) - 1):
        put(tmp_path, BLOCK[:length])
        with pytest.raises(PolicyInvalid):
            source(tmp_path)
    put(tmp_path, BLOCK[:-1])
    assert source(tmp_path).current().rules.keys() == {"web", "never"}


def test_a_running_process_keeps_the_last_good_policy_at_any_byte(tmp_path: Path) -> None:
    people(tmp_path)
    put(tmp_path, BLOCK)
    running = source(tmp_path)
    good = running.current()
    for length in range(0, len(BLOCK) - 1, 3):
        put(tmp_path, BLOCK[:length])
        assert running.current() is good
        assert running.problem is not None
        assert decide(running.current(), ask()).verdict == "needs_approval"
    put(tmp_path, BLOCK)
    assert running.current().digest == good.digest
    assert running.problem is None


def test_a_change_is_seen_and_swapped_whole(tmp_path: Path) -> None:
    put(tmp_path, text([rule(), *PEOPLE]))
    running = source(tmp_path)
    first = running.current()
    assert running.current() is first
    put(tmp_path, text([rule(), deny(), *PEOPLE]))
    second = running.current()
    assert decide(second, ask()).verdict == "deny"
    assert decide(first, ask()).verdict == "allow"
    assert first.epoch != second.epoch


def test_a_new_file_in_the_folder_counts(tmp_path: Path) -> None:
    put(tmp_path, text([rule(), *PEOPLE]))
    running = source(tmp_path)
    put(tmp_path, text([deny()]), "z.yaml")
    assert decide(running.current(), ask()).rule == "never"


@pytest.mark.parametrize("raw", [b"", b"kind: x\n...\n", text([rule(limits=None)]), text([rule(), rule()])])
def test_an_invalid_change_is_reported_and_not_taken(tmp_path: Path, raw: bytes) -> None:
    put(tmp_path, text([rule(), *PEOPLE]))
    running = source(tmp_path)
    good = running.current()
    put(tmp_path, raw)
    assert running.current() is good
    assert running.problem is not None
    assert running.problem.where.startswith(str(tmp_path / "p.yaml"))
    assert running.current() is good


def test_a_folder_that_is_gone_leaves_the_last_good_policy(tmp_path: Path) -> None:
    put(tmp_path, text([rule(), *PEOPLE]))
    running = source(tmp_path)
    good = running.current()
    (tmp_path / "p.yaml").unlink()
    assert running.current() is good
    assert running.problem is not None


def test_the_first_load_must_succeed(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid):
        source(tmp_path)


def test_what_could_not_be_looked_at_for_a_moment_is_no_lasting_problem(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    put(folder, text([rule(), *PEOPLE]))
    running = source(folder)
    good = running.current()
    folder.rename(tmp_path / "away")
    assert running.current() is good
    assert running.problem is not None
    (tmp_path / "away").rename(folder)
    assert running.current() is good
    assert running.problem is None


def test_a_mounted_config_map_is_swapped_whole(tmp_path: Path) -> None:
    """Links to a link to a folder, which kubelet exchanges by one rename; the old folder is removed later."""
    mounted(tmp_path, "1", rule(), *PEOPLE)
    (tmp_path / "p.yaml").symlink_to("..data/p.yaml")
    running = source(tmp_path)
    assert decide(running.current(), ask()).verdict == "allow"
    mounted(tmp_path, "2", rule(), deny(), *PEOPLE)
    assert decide(running.current(), ask()).verdict == "deny"
    assert running.problem is None


def mounted(folder: Path, version: str, *documents: Doc) -> None:
    inside = folder / f"..2026_{version}"
    inside.mkdir()
    (inside / "p.yaml").write_bytes(text(documents))
    (folder / "..data_tmp").symlink_to(inside.name)
    os.replace(folder / "..data_tmp", folder / "..data")
