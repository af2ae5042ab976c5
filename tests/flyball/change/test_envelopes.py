"""`flyball act set-envelope`: a lease, its end and its undo, from the words to the annotation and the log."""

import asyncio
from pathlib import Path

import pytest

from flyball.exits import Exit
from flyball.settings import load
from flyball.wiring import open_app
from policies.claim_keys import ENVELOPE
from tests.kit.command_line import Flyball
from tests.kit.installation import LOCAL, OPS, allow, doc, write_policy

LEASES = allow(
    "leases",
    ["set_envelope", "end_envelope"],
    limits={"minReplicas": {"min": 2, "max": 8}, "maxReplicas": {"min": 2, "max": 12}},
    envelope={"longest": "24h", "moves": "30/h"},
)
TUNER = doc("Agent", "tuner", {"owner": "local", "roles": ["operator"], "autonomy": "autonomous"})
SET = "act set-envelope deploy/web --min-replicas 3 --max-replicas 7"


@pytest.fixture
def governed(flyball: Flyball, home: Path, monkeypatch: pytest.MonkeyPatch) -> Flyball:
    folder = write_policy(home / "p", [LOCAL, OPS, TUNER, LEASES, allow("reads", ["read"])])
    for name, value in (("CONTEXT", "sandbox"), ("POLICIES", str(folder)), ("BASE", "no")):
        monkeypatch.setenv(f"FLYBALL_{name}", value)
    return flyball


def stands() -> tuple[str | None, int]:
    """The annotation, and the log's integer."""

    async def look() -> tuple[str | None, int]:
        async with open_app(load({})) as app:
            found = await app.context.reader.list_workloads("shop")
            web = next(one for one in found if one.target.name == "web")
            key = ENVELOPE.of(web.target.key)
            return web.annotations.get("flyball.io/envelope"), (await app.log.values((key,)))[key]

    return asyncio.run(look())


def test_a_lease_is_shown_on_the_workload_and_stands_in_the_log(governed: Flyball) -> None:
    done = governed(f"{SET} --for 8h --yes")
    assert done.code == Exit.DONE, done.err
    text, leased = stands()
    assert text is not None
    assert text.startswith("3..7 until ")
    assert text.endswith(", then at least 4, for agent:tuner")
    assert leased


@pytest.mark.parametrize("way", ["act set-envelope deploy/web --end --yes", "undo --last --yes"])
def test_its_end_and_its_undo_take_it_away(governed: Flyball, way: str) -> None:
    governed(f"{SET} --for 8h --yes")
    before = stands()[1]
    done = governed(way)
    assert done.code == Exit.DONE, done.err
    text, leased = stands()
    assert text is None
    assert leased not in (0, before)


def test_a_dry_run_leases_nothing(governed: Flyball) -> None:
    done = governed(f"{SET} --for 8h --dry-run")
    assert done.code == Exit.DONE, done.err
    assert stands() == (None, 0)


def test_longer_than_policy_lets_is_refused_and_leases_nothing(governed: Flyball) -> None:
    done = governed(f"{SET} --for 25h --yes")
    assert done.code == Exit.REFUSED
    assert "envelope.longest = 1d" in done.out + done.err
    assert stands() == (None, 0)


def test_the_floor_of_the_envelope_before_goes_on(governed: Flyball) -> None:
    governed(f"{SET} --for 1h --floor 5 --yes")
    governed(f"{SET} --for 2h --yes")
    assert ", then at least 5, " in str(stands()[0])


@pytest.mark.parametrize("words", [
    "--end --for 8h", "--min-replicas 3 --max-replicas 7", "--min-replicas 3 --for 8h",
    "--min-replicas 3 --max-replicas 7 --for 8h --until 2030-01-01T00:00:00Z", "",
])  # fmt: skip
def test_half_a_lease_is_a_slip(governed: Flyball, words: str) -> None:
    done = governed(f"act set-envelope deploy/web {words} --yes")
    assert done.code == Exit.USAGE
    assert "envelope" in done.err or "lease" in done.err


def test_a_range_upside_down_is_told_in_our_words(governed: Flyball) -> None:
    done = governed("act set-envelope deploy/web --min-replicas 7 --max-replicas 3 --for 8h --yes")
    assert done.code == Exit.USAGE
    assert done.err.startswith("error: min_replicas is above max_replicas")


def test_what_is_leased_is_listed_with_what_is_left_of_it(governed: Flyball) -> None:
    assert "nothing is leased" in governed("tune envelopes").err
    governed(f"{SET} --for 8h --yes")
    told = governed("tune envelopes").out.splitlines()
    assert told[0].split()[:6] == ["NAMESPACE", "WORKLOAD", "RANGE", "LEFT", "FLOOR", "GUARD"]
    assert told[1].split()[:6] == ["shop", "deployment/web", "3..7", "8h", "4", "-"]
    (item,) = governed("tune envelopes -o json").document["items"]
    assert (item["state"], item["moves"], item["min_replicas"], item["floor"]) == ("in_force", 0, 3, 4)
    governed("act set-envelope deploy/web --end --yes")
    assert governed("tune envelopes").out.splitlines()[1].split()[2:4] == ["-", "over"]
