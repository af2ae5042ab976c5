"""`flyball audit`: what is printed, the exit codes, and that no record paints on a terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit.log import Log
from audit.tree import leaf_hash
from flyball.cli.main import main
from flyball.place import log_place, pinned_path
from flyball.settings import load
from tests.kit.log_attacks import hide_from_index
from tests.kit.logs import AGENT, attacker, fill, verifier_of, with_log


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FLYBALL_PINNED", str(tmp_path / "pinned"))
    monkeypatch.setenv("FLYBALL_CONTEXT", "sandbox")


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def flyball(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: object) -> Ran:
        code = main(["audit", *map(str, words)])
        return Ran(code, *capsys.readouterr())

    return run


def test_tail_shows_the_last_records_oldest_first(flyball: Any, log_path: Path) -> None:
    ran = flyball("tail", "--lines", 3, "--log", log_path)
    head, *rows = ran.out.splitlines()
    assert head.split()[:3] == ["RECORD", "TIME", "KIND"]
    assert [row.split()[0] for row in rows] == ["5", "6", "7"]
    assert "policy.decision" in rows[0]
    assert "sandbox/shop deployment/web" in rows[1]
    assert "applied" in rows[2]


def test_tail_by_kind_as_json(flyball: Any, log_path: Path) -> None:
    ran = flyball("tail", "--kind", "action.intent", "--log", log_path, "-o", "json")
    (item,) = ran.json["items"]
    assert ran.json["kind"] == "RecordList"
    assert (item["seq"], item["record"]["kind"], len(item["leaf_sha256"])) == (6, "action.intent", 64)
    assert flyball("tail", "--kind", "nonsense", "--log", log_path).code == 2


def test_show_prints_every_field(flyball: Any, log_path: Path) -> None:
    ran = flyball("show", 6, "--log", log_path)
    assert ran.code == 0
    assert "record 6" in ran.out
    assert "resource.name web" in ran.out
    assert "claims[0].key attempt/r0/0" in ran.out
    missing = flyball("show", 99, "--log", log_path)
    assert (missing.code, missing.out) == (2, "")
    assert "the log ends at 7" in missing.err


def test_a_record_cannot_paint_on_the_terminal(flyball: Any, path: Path) -> None:
    """Threat 23: newlines, ANSI sequences, text that is turned around."""
    evil = "x\n\x1b[2J\x1b]0;title\x07 \u202ecod.exe\u2066 \u200b\u2028\x85\x9b31m"

    async def work(log: Log) -> None:
        labels = {"a\nrecord 9": evil}
        await log.commit(
            [log.draft("annotation", actor=AGENT, reason=evil, labels=labels, args={"x": [evil]})]
        )

    with_log(path, work)
    for words in (("tail",), ("show", 1)):
        ran = flyball(*words, "--log", path)
        assert ran.code == 0
        shown = ran.out.replace("\n", "")
        assert shown.isprintable()
        assert not set(shown) & set("\x1b\x07\u202e\u2066\u200b\u2028\x85\x9b")
        assert "record 9" not in [line.strip() for line in ran.out.splitlines()]
    assert flyball("show", 1, "--log", path, "-o", "json").json["record"]["reason"] == evil


def forge(path: Path, seq: int, old: bytes, new: bytes) -> None:
    """Body and leaf hash together, so that the row fits itself."""
    with attacker(path) as connection:
        (body,) = connection.execute("SELECT body FROM audit_entry WHERE seq = ?", (seq,)).fetchone()
        assert old in body
        forged = body.replace(old, new)
        row = (forged, leaf_hash(forged), seq)
        connection.execute("UPDATE audit_entry SET body = ?, leaf_hash = ? WHERE seq = ?", row)


def test_a_forged_record_is_shown_as_one(flyball: Any, log_path: Path) -> None:
    forge(log_path, 6, b"human:anna", b"human:emil")
    ran = flyball("show", 6, "--log", log_path)
    assert (ran.code, "human:emil" in ran.out) == (6, True)
    assert "record 6 is not proven by what was signed" in ran.err
    assert flyball("show", 6, "--log", log_path, "-o", "json").json["signed"] is False
    assert flyball("show", 4, "--log", log_path, "-o", "json").json["signed"] is True
    ran = flyball("tail", "--log", log_path, "-o", "json")
    assert (ran.code, ran.json["unproven"], len(ran.json["items"])) == (6, [5, 6, 7], 8), (
        "5 is of the same commit"
    )


def test_a_record_that_is_none_hides_no_other(flyball: Any, log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("UPDATE audit_entry SET body = x'00' WHERE seq = 5")
        connection.execute("UPDATE audit_entry SET body = 'text' WHERE seq = 3")
    ran = flyball("tail", "--log", log_path)
    assert ran.code == 6
    assert len(ran.out.splitlines()) == 1 + 6
    assert "record 5 is not" in ran.err
    assert "record 3 is not" in ran.err


@pytest.mark.parametrize("time", [b"yesterday", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_none_is_shown_as_it_stands(flyball: Any, log_path: Path, time: bytes) -> None:
    forge(log_path, 6, b'"ts":"2023-11-14T22:13:20.000Z"', b'"ts":"' + time + b'"')
    ran = flyball("tail", "--log", log_path)
    assert ran.code == 6
    assert time.decode() in ran.out
    assert flyball("verify", "--log", log_path).code == 6


def test_without_a_key_it_says_that_nothing_was_compared(flyball: Any, log_path: Path) -> None:
    vkey = verifier_of(log_path).text
    log_path.with_suffix(".key").unlink()
    ran = flyball("show", 6, "--log", log_path)
    assert ran.code == 0
    assert "not compared with what was signed" in ran.err
    assert flyball("show", 6, "--log", log_path, "-o", "json").json["signed"] is None
    assert flyball("show", 6, "--log", log_path, "--vkey", vkey, "-o", "json").json["signed"] is True


def test_tail_asks_no_index(flyball: Any, log_path: Path) -> None:
    hide_from_index(log_path, "audit_entry_kind", "kind <> 'action.intent'")
    ran = flyball("tail", "--kind", "action.intent", "--log", log_path, "-o", "json")
    assert [item["seq"] for item in ran.json["items"]] == [6]


def test_the_state_of_somebody_else_is_no_fault_of_flyball(
    flyball: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "sandbox").mkdir(parents=True)
    (theirs / "sandbox" / "audit.db").touch()
    monkeypatch.setenv("FLYBALL_STATE", str(theirs))

    monkeypatch.setattr(Path, "lstat", _denied)
    monkeypatch.setattr(Path, "is_file", _denied)
    ran = flyball("tail")
    assert ran.code == 7
    assert "fault in flyball" not in ran.err


def _denied(self: Path) -> Any:
    raise PermissionError(13, "Permission denied", str(self))


def test_verify_says_whole(flyball: Any, log_path: Path) -> None:
    ran = flyball("verify", "--log", log_path)
    assert ran.code == 0
    assert ran.out.startswith("log whole to 7, signed by flyball.local/")
    document = flyball("verify", "--full", "--log", log_path, "-o", "json").json
    assert (document["kind"], document["whole"], document["records"]) == ("Verification", True, 8)
    assert document["signatures_verified"] == document["checkpoints"] == 7


def test_verify_names_the_record_that_was_tampered_with(flyball: Any, log_path: Path) -> None:
    with attacker(log_path) as connection:
        connection.execute("UPDATE audit_entry SET verdict = 'deny' WHERE seq = 5")
    ran = flyball("verify", "--log", log_path)
    assert ran.code == 6
    assert "record 5" in ran.out
    assert "the body says 'allow'" in ran.out
    ran = flyball("verify", "--log", log_path, "-o", "json")
    assert (ran.code, ran.json["whole"], ran.json["findings"][0]["seq"]) == (6, False, 5)


def test_verify_that_cannot_be_finished_is_no_tampering(flyball: Any, tmp_path: Path, log_path: Path) -> None:
    ran = flyball("verify", "--log", tmp_path / "none.db", "-o", "json")
    assert (ran.code, ran.json["whole"]) == (1, None)
    log_path.with_suffix(".key").unlink()
    ran = flyball("verify", "--log", log_path)
    assert ran.code == 1
    assert "no signing key" in ran.err


def test_verify_with_the_verifier_key_alone(flyball: Any, log_path: Path) -> None:
    vkey = flyball("key", "show", "--log", log_path).out.strip()
    assert vkey == verifier_of(log_path).text
    log_path.with_suffix(".key").unlink()
    assert flyball("verify", "--log", log_path, "--vkey", vkey).code == 0
    assert flyball("verify", "--log", log_path, "--vkey", "nonsense").code == 2


def test_verify_against_a_pinned_checkpoint(flyball: Any, path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.note"
    with_log(path, lambda log: fill(log, 3), pinned=kept)
    assert "pinned checkpoint agrees to 3" in flyball("verify", "--log", path, "--pinned", kept).out
    kept.unlink()
    gone = flyball("verify", "--log", path, "--pinned", kept)
    assert (gone.code, "no pinned checkpoint is there" in gone.err) == (2, True)


def test_a_proof_goes_its_own_way(flyball: Any, log_path: Path, tmp_path: Path) -> None:
    proof, vkey = tmp_path / "p.json", verifier_of(log_path).text
    assert flyball("prove", 6, "--to", proof, "--log", log_path).code == 0
    assert flyball("prove", 6, "--log", log_path).out == proof.read_text()
    for file in log_path.parent.iterdir():
        file.unlink()
    ran = flyball("verify-proof", proof, "--vkey", vkey)
    assert ran.code == 0
    assert ran.out.startswith("proven: record 6 of 8, signed by your key of flyball.local/")
    alone = flyball("verify-proof", proof)
    assert alone.code == 0
    assert "proven" not in alone.out
    assert f"by the key in the file itself: {vkey}" in alone.out
    document = flyball("verify-proof", proof, "-o", "json").json
    assert (document["holds"], document["key_trusted"], document["seq"]) == (True, False, 6)


def test_a_changed_proof_is_tampering_and_rubbish_is_usage(
    flyball: Any, log_path: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "p.json"
    flyball("prove", 6, "--to", proof, "--log", log_path)
    proof.write_text(proof.read_text().replace("human:anna", "human:emil"))
    ran = flyball("verify-proof", proof, "-o", "json")
    assert (ran.code, ran.json["holds"]) == (6, False)
    proof.write_text("{}")
    assert flyball("verify-proof", proof).code == 2
    assert flyball("verify-proof", tmp_path / "none").code == 2
    assert flyball("prove", 99, "--log", log_path).code == 2


def test_reading_begins_no_log(flyball: Any, tmp_path: Path) -> None:
    assert flyball("tail").code == 0
    assert flyball("show", 0).code == 7
    assert not list(tmp_path.glob("state/**/*.db"))


@pytest.mark.parametrize("text", ["", "garbage"])
def test_a_named_pinned_checkpoint_that_is_none_is_an_error(
    flyball: Any, path: Path, tmp_path: Path, text: str
) -> None:
    with_log(path, lambda log: fill(log, 3))
    (tmp_path / "kept.note").write_text(text)
    done = flyball("verify", "--log", path, "--pinned", tmp_path / "kept.note")
    assert (done.code, "no pinned checkpoint is there" in done.err) == (2, True)


def test_a_log_that_is_gone_is_told_by_every_reader(flyball: Any, tmp_path: Path) -> None:
    place = log_place(load({"context": "sandbox"}))
    pinned = pinned_path(load({"context": "sandbox"}), place)
    with_log(place.log, lambda log: fill(log, 3), pinned=pinned)
    place.log.unlink()
    for words in (("tail",), ("show", "0"), ("verify",)):
        done = flyball(*words, "--context", "sandbox")
        assert (done.code, "proves 4 records" in done.err) == (6, True), words


def test_a_missing_pinned_checkpoint_is_a_warning_and_stays_one(flyball: Any, tmp_path: Path) -> None:
    settings = load({"context": "sandbox"})
    place = log_place(settings)
    pinned = pinned_path(settings, place)
    with_log(place.log, lambda log: fill(log, 3), pinned=pinned)
    pinned.unlink()
    done = flyball("verify", "--context", "sandbox")
    assert (done.code, "warning pinned" in done.out) == (0, True)
    with_log(place.log, lambda log: fill(log, 1), pinned=pinned)
    done = flyball("verify", "--context", "sandbox")
    assert (done.code, "warning pinned     record 4" in done.out) == (0, True)
    assert "it begins again here" in done.out
