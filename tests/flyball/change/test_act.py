"""`flyball act` and what follows it: the question, the diff, dry-run, approval, undo, the kill switch."""

from pathlib import Path

import pytest

from flyball.exits import Exit
from flyball.settings import load
from flyball.wiring import open_app
from tests.kit.command_line import Flyball
from tests.kit.installation import proposed

FIVE = "act scale deploy/web --replicas 5"


def _handle(flyball: Flyball, count: int = 15) -> str:
    return str(flyball(f"act scale deploy/web --replicas {count} --yes -o json").document["handle"])


def test_without_terminal_and_yes_nothing_is_done_nor_recorded(flyball: Flyball) -> None:
    flyball("status")
    before = flyball("status -o json").document["records"]
    assert flyball(FIVE).code == Exit.USAGE
    assert flyball("undo --last").code == Exit.USAGE
    assert flyball("status -o json").document["records"] == before


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "no\n", "yess\n", "ja\n", "y es\n", "\x04"])
def test_silence_and_anything_but_yes_is_a_no(flyball: Flyball, typed: str) -> None:
    done = flyball(FIVE, typed=typed)
    assert done.code == Exit.DECLINED
    assert "4 -> 5" in done.out
    assert flyball(f"{FIVE} -o json", typed=typed).document["kind"] == "Declined"


@pytest.mark.parametrize("typed", ["y\n", "yes\n", "Y\n", " YES \n"])
def test_yes_does_it(flyball: Flyball, typed: str) -> None:
    done = flyball(FIVE, typed=typed)
    assert done.code == Exit.DONE
    assert done.out.index("scale deployment/web 4 -> 5") < done.out.index("done")


def test_the_target_in_two_words_is_the_same_request(flyball: Flyball) -> None:
    told = [
        flyball(f"act scale {name} --replicas 5 --dry-run -o json").document
        for name in ("deploy web", "deploy/web")
    ]
    assert told[0]["target"] == told[1]["target"] == "deployment/web"
    assert flyball("act scale web --replicas 5 --yes").code == Exit.USAGE
    assert flyball("act scale deploy web search --replicas 5 --yes").code == Exit.USAGE


def test_the_yes_holds_for_what_was_shown_only(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else scales it while the question stands on the screen."""
    import flyball.cli.kit.confirm as question

    def slowly(*_: object) -> None:
        assert flyball_again("act scale deploy/web --replicas 9 --yes")

    def flyball_again(line: str) -> bool:
        import asyncio
        import threading

        async def act() -> bool:
            async with open_app(load({"context": "sandbox"})) as app:
                return bool(await app.executor.execute(proposed(app, int(line.split()[4]))))

        done: list[bool] = []
        thread = threading.Thread(target=lambda: done.append(asyncio.run(act())))
        thread.start()
        thread.join()
        return done[0]

    monkeypatch.setattr(question, "confirm", slowly)
    result = flyball(f"{FIVE} -o json", typed="y\n")
    assert result.code == Exit.REFUSED
    assert result.document["stage"] == "drift"
    assert flyball(f"{FIVE} --dry-run -o json").document["diff"] == "9 -> 5"


def test_a_dry_run_asks_nothing_and_does_nothing(flyball: Flyball) -> None:
    for flag in ("--dry-run", "--dry-run=server"):
        done = flyball(f"{FIVE} {flag}")
        assert done.code == Exit.DONE
        assert "would  scale deployment/web 4 -> 5" in done.out
    assert flyball(f"{FIVE} --dry-run -o json").document["dry_run"] is True


def test_a_dry_run_of_what_needs_an_approval_says_so(flyball: Flyball) -> None:
    done = flyball("act scale deploy/web --replicas 15 --dry-run")
    assert done.code == Exit.DONE
    assert "live, it needs" in done.out
    assert flyball("pending -o json").document["items"] == []


def test_a_refusal_names_rule_room_and_record(flyball: Flyball) -> None:
    done = flyball("act scale deploy/web --replicas 60 --yes")
    assert "denied  scale deployment/web 4 -> 60" in done.out
    assert "limits.replicas.max = 20" in done.out
    suggested = next(line for line in done.out.splitlines() if "alone, now" in line)
    command = suggested.split("flyball ", 1)[1].split("   (")[0]
    assert flyball(f"{command} --yes").code == Exit.DONE, "a command that is suggested is not refused"


def test_approve_shows_the_diff_asks_and_carries_out(flyball: Flyball) -> None:
    handle = _handle(flyball)
    assert flyball(f"approve {handle}").code == Exit.USAGE
    refused = flyball(f"approve {handle}", typed="n\n")
    assert refused.code == Exit.DECLINED
    assert "scale deployment/web 4 -> 15" in refused.out
    assert flyball(f"approve {handle} -o json", typed="\n").document["kind"] == "Declined"
    done = flyball(f"approve {handle}", typed="y\n")
    assert done.code == Exit.DONE
    assert flyball(f"approve {handle} --yes").code == Exit.USAGE


def test_deny_ends_it(flyball: Flyball) -> None:
    handle = _handle(flyball)
    assert flyball(["deny", handle, "--reason", "not \x1b[31mtoday"]).code == Exit.DONE
    assert flyball(f"approve {handle} --yes").code == Exit.USAGE
    assert flyball("pending").out == ""


def test_a_short_or_ambiguous_handle_is_refused(flyball: Flyball, monkeypatch: pytest.MonkeyPatch) -> None:
    from policies.types import Request

    digest = Request.digest.func  # type: ignore[attr-defined]
    first, second = _handle(flyball, 15), _handle(flyball, 16)
    assert flyball(f"approve {first[:7]} --yes").code == Exit.USAGE
    alike = property(lambda request: "deadbeef" + digest(request)[8:])
    monkeypatch.setattr(Request, "digest", alike)
    done = flyball("approve deadbeef --yes")
    assert done.code == Exit.USAGE
    assert first != second


def test_the_same_request_id_does_nothing_twice_and_nothing_else(flyball: Flyball) -> None:
    once = flyball(f"{FIVE} --yes --request-id my-request-1 -o json").document
    again = flyball(f"{FIVE} --yes --request-id my-request-1 -o json")
    assert again.code == Exit.DONE
    assert again.document["replayed"] is True
    assert again.document["record"] == once["record"]
    other = flyball("act scale deploy/web --replicas 9 --yes --request-id my-request-1")
    assert other.code == Exit.USAGE
    assert "used for something else" in other.err


def test_a_careless_second_use_of_an_id_does_not_lock_the_first(flyball: Flyball) -> None:
    flyball("act scale deploy/web --replicas 15 --yes --request-id my-request-2")
    assert (
        flyball("act scale deploy/web -n kube-system --replicas 15 --yes --request-id my-request-2").code != 0
    )
    assert flyball("status").code == Exit.DONE
    (item,) = flyball("pending -o json").document["items"]
    assert flyball(f"approve {item['handle']} --yes").code == Exit.DONE


def test_undo_last_puts_back_and_dry_run_only_tells(flyball: Flyball) -> None:
    flyball(f"{FIVE} --yes")
    assert flyball("undo --last --dry-run -o json").document["diff"] == "5 -> 4"
    assert flyball("undo --last", typed="n\n").code == Exit.DECLINED
    assert flyball("undo --last --yes -o json").document["diff"] == "5 -> 4"


def test_the_switch_stops_shows_and_lifts(flyball: Flyball) -> None:
    assert "stopped" in flyball(["stop", "--reason", "paging storm"]).out
    done = flyball(f"{FIVE} --yes")
    assert done.code == Exit.REFUSED
    assert "flyball resume" in done.out
    assert "stopped: all" in flyball("status").out
    assert "already" in flyball("stop").out
    assert flyball("resume").code == Exit.DONE
    assert flyball(f"{FIVE} --yes").code == Exit.DONE


def test_an_agent_is_suspended_by_name(flyball: Flyball) -> None:
    assert flyball("agent suspend ops").code == Exit.DONE
    states = {a["name"]: a["state"] for a in flyball("agent list -o json").document["items"]}
    assert {"ops", "tuner"} <= states.keys()
    assert {name for name, state in states.items() if state != "active"} == {"ops"}
    assert flyball(f"{FIVE} --yes").code == Exit.DONE, "a person goes on"


def test_the_switch_works_while_the_cluster_is_away(flyball: Flyball, home: Path) -> None:
    kube = home / "kubeconfig"
    kube.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: u, user: {}}]\ncontexts: [{name: prod, context: {cluster: c, user: u, namespace: shop}}]\n",
        encoding="utf-8",
    )
    assert flyball(f"{FIVE} --yes --kubeconfig {kube}").code == Exit.UNAVAILABLE
    assert flyball(f"stop --kubeconfig {kube}").code == Exit.DONE
    assert flyball(f"stop --cluster --kubeconfig {kube} -o json").document["scope"] == "cluster/prod"
