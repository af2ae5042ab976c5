"""What records hold is anybody's text: in a message it is no link, no mention, no markup, no control character."""

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from audit.log import Log
from audit.record import Actor, Kind, Record, Resource, Verdict
from flyball.notify.bodies import body_of, headers, signature
from flyball.notify.message import Message, clean, message_of
from flyball.notify.topics import MEANING, TOPICS, WATCHED, topic_of
from tests.docs.kit import page, rows
from tests.flyball.notify.receiver import SECRET, Receiving
from tests.kit.logs import ToldClock

HOSTILE = (
    "<!channel> <https://evil.example|click> <@U123> @here *b* `c` https://evil.example/x\n"
    "\x1b[31m\u202e\u200b password=hunter2hunter2 & done"
)
AGENT = Actor(type="agent", id="agent:night", on_behalf_of="human:anna")
WEB = Resource(cluster="sandbox", namespace="shop", kind="deployment", name="web")


def drafted(folder: Path, kind: Kind, **more: Any) -> Record:
    async def run() -> Record:
        log = await Log.open(folder / "audit.db", clock=ToldClock())
        try:
            return log.draft(kind, **{"actor": AGENT, "resource": WEB, "run_id": "r-1", **more})
        finally:
            await log.close()

    return asyncio.run(run())


def everywhere() -> dict[str, Any]:
    """Hostile text wherever a record may hold text."""
    return {
        "reason": HOSTILE,
        "labels": dict.fromkeys(("status", "diff", "tool", "what", "agent", "receiver"), HOSTILE),
        "observation": {"why": HOSTILE, "manual": HOSTILE, "said": HOSTILE},
        "approval": {"diff": HOSTILE, "needs": [{"role": HOSTILE, "count": 1}]},
        "args": {"name": HOSTILE, "title": HOSTILE, "at_least_ppm": 3_000_000, HOSTILE[:20]: 3},
        "decision": Verdict(verdict="deny", stage="budget", rule=HOSTILE, detail=HOSTILE),
        "mode": "live",
        "request_digest": "a" * 64,
        "run_id": HOSTILE,
    }


def texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for one in value for text in texts(one)]
        case dict():
            return [text for one in value.values() for text in texts(one)]
    return []


@pytest.mark.parametrize("kind", WATCHED)
@pytest.mark.parametrize("receiver", ["slack", "webhook"])
def test_nothing_in_a_record_links_mentions_or_paints(kind: Kind, receiver: str, tmp_path: Path) -> None:
    record = drafted(tmp_path, kind, **everywhere())
    message = message_of(record, 7, "sandbox")
    assert message is not None
    said = json.loads(body_of(message, Receiving(port=1).as_receiver(kind=receiver)))
    for text in texts(said):
        assert "://" not in text
        assert "hunter2" not in text
        assert "@here" not in text
        assert all(c.isprintable() or c == "\n" for c in text)
        assert "\u202e" not in text
    assert all(word.startswith("flyball ") for word in [message.command])
    assert not set(message.command) & set("<>&|;`$\n\"'")


def test_slack_reads_no_markup_anywhere() -> None:
    message = _message(lines=(clean(HOSTILE, 300),), title=clean(HOSTILE, 150))
    said = json.loads(body_of(message, Receiving(port=1).as_receiver(kind="slack")))
    assert not set("<>") & set(said["text"])
    assert said["link_names"] is False
    assert said["mrkdwn"] is False

    def kinds(value: Any) -> list[str]:
        if isinstance(value, list):
            return [k for one in value for k in kinds(one)]
        if isinstance(value, dict):
            mine = (
                [value["type"]]
                if "text" in value and isinstance(value["text"], str) and "type" in value
                else []
            )
            return mine + [k for one in value.values() for k in kinds(one)]
        return []

    assert set(kinds(said["blocks"])) == {"plain_text"}


def _message(**more: Any) -> Message:
    base: dict[str, Any] = {
        "id": "0198", "topic": "finding", "severity": "bad", "seq": 7, "at_ms": 0, "cluster": "sandbox",
        "about": "shop deployment/web", "title": "t", "lines": (), "command": "flyball sentinel status",
    }  # fmt: skip
    return Message(**{**base, **more})


def test_a_receiver_can_tell_our_message_from_a_changed_or_old_one() -> None:
    one = Receiving(port=1).as_receiver()
    body = body_of(_message(), one)
    sent = headers(_message(), one, body, 1_800_000_000)
    stamp, mac = (part.partition("=")[2] for part in sent["X-Flyball-Signature"].split(","))
    assert stamp == "1800000000"
    assert mac == hmac.new(SECRET, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    for other in (
        signature(SECRET, 1_800_000_001, body),
        signature(SECRET, 1_800_000_000, body + b" "),
        signature(SECRET[::-1], 1_800_000_000, body),
    ):
        assert mac not in other
    assert sent["X-Flyball-Id"] == "0198"


def test_a_decision_is_told_only_where_room_is_used_up(tmp_path: Path) -> None:
    def topic(stage: str, verdict: Any = "deny", actor: Actor = AGENT) -> str | None:
        said = Verdict(verdict=verdict, stage=stage)
        return topic_of(drafted(tmp_path, "policy.decision", actor=actor, decision=said))

    assert topic("budget") == topic("blast_radius") == "denied"
    assert topic("rules") is topic("budget", "allow") is None
    assert topic("budget", actor=Actor(type="human", id="human:anna")) is None


def test_every_topic_has_a_meaning_and_the_page_says_it() -> None:
    told = {row[0].strip("`"): row[1] for row in rows(page("docs/notifications.md"), "Topics")}
    assert told == dict(MEANING)
    assert set(MEANING) == set(TOPICS)
    assert set(WATCHED) <= set(get_args(Kind))
