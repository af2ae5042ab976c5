"""The parsed policy between two starts, attacked: who can write where it is kept must gain nothing by it.

The attacker of these tests can do anything in the cache's folder and nothing in the policy's or the key's. Every
case ends in the policy that the files make, told by its digest and by a decision; none is an error.
"""

import hmac
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from flyball import private_file
from flyball.policy_cache import policy_cache
from flyball.private_file import PrivateFile
from policies import parsed_cache, yaml_documents
from policies.decision import VerdictKind
from policies.errors import PolicyInvalid
from policies.loader import compile_texts
from policies.parsed_cache import ParsedCache
from policies.snapshot import Snapshot
from policies.source import PolicySource
from tests.kit.policies import CATALOGUE, CLUSTERS, PEOPLE, Doc, ask, decide, deny, rule, text

SOFTWARE = "flyball test"


class Home:
    """A policy folder, a cache folder and a folder for the key, as one installation has them."""

    def __init__(self, folder: Path) -> None:
        self.policy, self.cache, self.keys = folder / "policy", folder / "cache", folder / "keys"
        for one in (self.policy, self.cache, self.keys):
            one.mkdir(mode=0o700)
        self.file, self.key = self.cache / "policy.cache", self.keys / "policy-cache.key"

    def write(self, *docs: Doc) -> bytes:
        raw = text([*docs, *PEOPLE])
        (self.policy / "p.yaml").write_bytes(raw)
        return raw

    def source(self, software: str = SOFTWARE, *, closed: bool = False) -> PolicySource:
        cache = policy_cache(self.cache, self.keys, software)
        return PolicySource([self.policy], catalogue=CATALOGUE, clusters=CLUSTERS, cache=cache, closed=closed)

    def start(self, software: str = SOFTWARE) -> Snapshot:
        """What a new process decides by."""
        return self.source(software).current()

    def parses(self) -> bool:
        """Whether a new process has to parse."""
        return self._cached() is None

    def _cached(self) -> object:
        cache = policy_cache(self.cache, self.keys, SOFTWARE)
        path = self.policy / "p.yaml"
        return cache.get({str(path): path.read_bytes()}) if cache else None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def plain(home: Home) -> Snapshot:
    """What the files make without any cache."""
    return PolicySource([home.policy], catalogue=CATALOGUE, clusters=CLUSTERS).current()


def same(home: Home) -> bool:
    """A start gives what the files say, to the digest, the line numbers and the decision."""
    found, wanted = home.start(), plain(home)
    return (found.digest, found.origin.files, decide(found, ask()).verdict) == (
        wanted.digest, wanted.origin.files, decide(wanted, ask()).verdict,
    )  # fmt: skip


def test_a_second_start_parses_nothing_and_decides_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = {"min": "100m", "max": "2", "maxRatio": 1.5}
    memory = {"min": "64Mi", "max": "1Gi", "maxRatio": 2}
    limits = {"cpuRequest": cpu, "cpuLimit": cpu, "memoryRequest": memory, "memoryLimit": memory}
    target = {"clusters": ["*"], "namespaces": ["*"], "names": ["*"], "labels": {"tier": "frontend"}}
    home.write(rule(), rule("resources", actions=["set_resources"], limits=limits), deny(target=target))
    first = home.start()

    def refuse(raw: bytes, file: str) -> list[yaml_documents.Document]:
        raise AssertionError(f"{file} was parsed")

    monkeypatch.setattr(yaml_documents, "parse", refuse)
    second = home.start()
    assert (second.digest, second.epoch, second.origin.files) == (
        first.digest,
        first.epoch,
        first.origin.files,
    )
    assert second.documents == first.documents
    assert second.table.rows == first.table.rows


def test_a_policy_that_does_not_load_leaves_nothing_in_the_cache(home: Home) -> None:
    """Nor does the empty one that is in force instead."""
    home.write(rule(actions=["no-such-action"]))
    source = home.source(closed=True)
    assert source.problem is not None
    assert not source.current().rules
    assert not home.file.exists()


def test_it_is_for_this_user_alone(home: Home) -> None:
    home.write(rule())
    home.start()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (home.file, home.key)}
    assert modes == {0o600}
    assert os.listdir(home.cache) == ["policy.cache"], "nothing half written stays"


def _allow_in_its_place(home: Home) -> bytes:
    """The cache of a policy that allows, made by the attacker for the files that deny, under a key of his own."""
    raw = (home.policy / "p.yaml").read_bytes()
    name = str(home.policy / "p.yaml")
    other = ParsedCache(PrivateFile(home.file), b"k" * 32, SOFTWARE)
    other.put({name: raw}, yaml_documents.parse(text([rule(), *PEOPLE]), name))
    return home.file.read_bytes()


def _edited(home: Home) -> bytes:
    """`deny` turned into `allow` where it stands, the MAC as it was."""
    return home.file.read_bytes().replace(b'"deny"', b'"allow"')


def _mac_of_nothing(home: Home) -> bytes:
    body = _edited(home)[32:]
    return hmac.digest(b"", body, "sha256") + body


FORGERIES: dict[str, Callable[[Home], bytes]] = {
    "an allow under another key": _allow_in_its_place,
    "deny made allow": _edited,
    "a MAC with an empty key": _mac_of_nothing,
    "a MAC of zeros": lambda home: bytes(32) + _edited(home)[32:],
    "no MAC": lambda home: _edited(home)[32:],
    "nothing": lambda _: b"",
    "cut in the MAC": lambda home: home.file.read_bytes()[:31],
    "the MAC alone": lambda home: home.file.read_bytes()[:32],
    "one byte less": lambda home: home.file.read_bytes()[:-1],
    "one byte more": lambda home: home.file.read_bytes() + b" ",
    "a pickle": lambda _: b"\x80\x04cos\nsystem\n(S'touch /tmp/no'\ntR.",
    "deep brackets": lambda _: bytes(32) + b"[" * 100_000,
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_cached_allow_where_the_file_says_deny(home: Home, forgery: Callable[[Home], bytes]) -> None:
    home.write(rule(), deny())
    home.start()
    home.file.write_bytes(forgery(home))
    assert home.parses()
    assert same(home)
    assert decide(home.start(), ask()).verdict == "deny"
    assert not home.parses(), "it is made again"


def test_every_byte_counts(home: Home) -> None:
    home.write(deny())
    home.start()
    whole = home.file.read_bytes()
    for at in range(0, len(whole), 37):
        home.file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert home.parses()


def test_an_old_cache_of_our_own_put_back(home: Home) -> None:
    """Genuine under the key, but of the files as they were: an allow that was taken away since."""
    home.write(rule())
    home.start()
    old = home.file.read_bytes()
    home.write(rule(), deny())
    home.start()
    home.file.write_bytes(old)
    assert same(home)
    assert decide(home.start(), ask()).verdict == "deny"


def test_a_file_changed_in_the_same_second_and_to_the_same_size(home: Home) -> None:
    raw = home.write(rule())
    home.start()
    path = home.policy / "p.yaml"
    before = path.stat()
    path.write_bytes(raw.replace(b'"max": 12', b'"max": 11'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert same(home)
    assert home.start().rules["web"].bounds["replicas"].high == 11


def test_the_same_bytes_under_another_name_or_in_more_files(home: Home) -> None:
    raw = home.write(rule())
    home.start()
    (home.policy / "p.yaml").rename(home.policy / "q.yaml")
    found = home.start()
    assert all(where.startswith(str(home.policy / "q.yaml")) for where in found.origin.files.values())
    (home.policy / "z.yaml").write_bytes(text([deny()]))
    assert decide(home.start(), ask()).verdict == "deny"
    (home.policy / "q.yaml").write_bytes(raw)
    (home.policy / "z.yaml").unlink()
    assert decide(home.start(), ask()).verdict == "allow"


def test_another_flyball_python_parser_or_library_parses_anew(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(rule())
    home.start()
    assert not home.parses()
    home.start("flyball newer")
    assert home.parses()
    home.start()
    for name, value in (("sys.version", "3.99"), ("FORMAT", 99), ("_source_digest", lambda module: "other")):
        with monkeypatch.context() as patch:
            patch.setattr(f"policies.parsed_cache.{name}", value)
            assert home.parses()
        assert not home.parses()


def _link(home: Home) -> None:
    elsewhere = home.cache / "elsewhere"
    home.file.rename(elsewhere)
    home.file.symlink_to(elsewhere)


def _hard_link(home: Home) -> None:
    os.link(home.file, home.cache / "second")


def _pipe(home: Home) -> None:
    home.file.unlink()
    os.mkfifo(home.file, 0o600)


def _folder(home: Home) -> None:
    home.file.unlink()
    home.file.mkdir()


UNTRUSTED: dict[str, Callable[[Home], object]] = {
    "readable by others": lambda home: home.file.chmod(0o604),
    "readable by the group": lambda home: home.file.chmod(0o640),
    "writable by the group": lambda home: home.file.chmod(0o620),
    "a folder that others may write": lambda home: home.cache.chmod(0o777),
    "a symbolic link": _link,
    "a hard link": _hard_link,
    "a pipe": _pipe,
    "a folder": _folder,
}


@pytest.mark.parametrize("spoil", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_a_file_that_others_could_have_touched_is_passed_over(
    home: Home, spoil: Callable[[Home], object]
) -> None:
    home.write(rule(), deny())
    home.start()
    spoil(home)
    assert PrivateFile(home.file).load() is None
    assert same(home)


@pytest.mark.parametrize("which", ["file", "key"])
def test_another_users_file_is_passed_over(home: Home, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    home.write(rule(), deny())
    home.start()
    theirs = home.file if which == "file" else home.key
    owner = os.fstat

    def fstat(handle: int) -> os.stat_result:
        found = owner(handle)
        if found.st_ino != theirs.stat().st_ino:
            return found
        return os.stat_result([*found[:4], found.st_uid + 1, *found[5:]])

    monkeypatch.setattr(private_file.os, "fstat", fstat)
    assert PrivateFile(theirs).load() is None
    assert same(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_given_away_is_passed_over_and_made_anew(home: Home) -> None:
    home.write(rule(), deny())
    home.start()
    os.chown(home.file, 65534, 65534)
    assert home.parses()
    assert same(home)
    assert home.file.stat().st_uid == 0
    assert not home.parses()


def test_writing_follows_no_link(home: Home) -> None:
    home.write(rule())
    treasure = home.policy / "treasure"
    treasure.write_text("mine")
    home.file.symlink_to(treasure)
    home.start()
    assert treasure.read_text() == "mine"
    assert not home.file.is_symlink()


@pytest.mark.parametrize("spoil", [lambda k: k.write_bytes(b"short"), lambda k: k.chmod(0o644), Path.unlink])
def test_a_key_that_is_not_ours_alone_is_replaced_and_the_cache_with_it(
    home: Home, spoil: Callable[[Path], object]
) -> None:
    home.write(deny())
    home.start()
    before = home.key.read_bytes()
    spoil(home.key)
    assert home.parses()
    assert home.key.read_bytes() != before
    assert same(home)


def test_without_a_place_for_the_key_there_is_no_cache(home: Home) -> None:
    home.write(rule())
    home.keys.rmdir()
    home.keys.write_text("no folder")
    assert policy_cache(home.cache, home.keys, SOFTWARE) is None
    assert same(home)
    assert not home.file.exists()


def test_without_a_place_for_the_cache_files_are_parsed_each_time(home: Home) -> None:
    home.write(rule())
    home.cache.rmdir()
    home.cache.write_text("no folder")
    assert same(home)
    assert home.parses()


def test_an_invalid_policy_is_refused_with_its_line_each_time(home: Home) -> None:
    home.write(rule(limits=None))
    found = []
    for _ in range(2):
        with pytest.raises(PolicyInvalid) as refused:
            home.start()
        found.append([str(problem) for problem in refused.value.problems])
    assert found[0] == found[1]
    assert not home.file.exists()


def test_what_was_kept_is_validated_like_fresh_text(home: Home) -> None:
    """Even under the right key: a document that no parser would give does not get past the checks."""
    raw = home.write(rule())
    name = str(home.policy / "p.yaml")
    cache = policy_cache(home.cache, home.keys, SOFTWARE)
    assert cache is not None
    cache.put({name: raw}, yaml_documents.parse(text([rule(limits=None), *PEOPLE]), name))
    with pytest.raises(PolicyInvalid):
        compile_texts({name: raw}, catalogue=CATALOGUE, clusters=CLUSTERS, cache=cache)


def test_text_that_json_would_change_is_not_kept(home: Home) -> None:
    """Two halves of one character, written apart in YAML, would come back as one."""
    apart = text([rule(description="x")]).replace(b'"x"', rb'"\ud83d\ude00"')
    name = "p.yaml"
    cache = policy_cache(home.cache, home.keys, SOFTWARE)
    assert cache is not None
    found = yaml_documents.parse(apart, name)
    cache.put({name: apart}, found)
    back = cache.get({name: apart})
    assert back is None or back == found


def test_the_shipped_policies_come_back_the_same(home: Home) -> None:
    folder = Path(yaml_documents.__file__).parent / "default"
    texts = {str(path): path.read_bytes() for path in sorted(folder.glob("*.yaml"))}
    cache = policy_cache(home.cache, home.keys, SOFTWARE)
    assert cache is not None
    fresh = [one for name, raw in texts.items() for one in yaml_documents.parse(raw, name)]
    cache.put(texts, fresh)
    assert cache.get(texts) == fresh
    body = json.loads(home.file.read_bytes()[32:])
    assert body["bound"][0] == parsed_cache.FORMAT


def test_a_process_that_runs_sees_a_deny_though_its_cache_was_spoiled(home: Home) -> None:
    """An error on the way to the new policy must not leave the old one in force as if it were the newest."""
    home.write(rule())
    source = home.source()
    assert decide(source.current(), ask()).verdict is VerdictKind.ALLOW
    _folder(home)
    home.write(rule(), deny())
    for _ in range(2):
        assert decide(source.current(), ask()).verdict is VerdictKind.DENY


def test_what_cannot_be_read_is_not_taken_for_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write(rule())
    source = home.source()

    def broken(_: object) -> Snapshot:
        raise OSError("stale file handle")

    home.write(rule(), deny())
    with monkeypatch.context() as patch:
        patch.setattr(source, "_compile", broken)
        for _ in range(2):
            with pytest.raises(OSError, match="stale"):
                source.current()
    assert decide(source.current(), ask()).verdict is VerdictKind.DENY


def test_key_and_cache_in_one_place_are_no_cache(home: Home) -> None:
    assert policy_cache(home.cache, home.cache, SOFTWARE) is None
    assert policy_cache(home.cache, home.cache / "keys", SOFTWARE) is None
    assert policy_cache(home.keys / "cache", home.keys, SOFTWARE) is None
