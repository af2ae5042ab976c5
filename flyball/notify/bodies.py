"""A message as its receivers read it: JSON of our own, or Slack's blocks (Mattermost and others read those too)."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from flyball.notify.message import Message, clean
from flyball.notify.receivers import Receiver

_MARK = {"info": "", "waits": "", "bad": "attention: "}


def body_of(message: Message, receiver: Receiver) -> bytes:
    """What is posted to the receiver."""
    document = _slack(message) if receiver.kind == "slack" else _webhook(message)
    return json.dumps(document, separators=(",", ":")).encode()


def headers(message: Message, receiver: Receiver, body: bytes, at_s: int) -> dict[str, str]:
    """The message's id, and where there is a secret the signature over time and body."""
    signed = {"X-Flyball-Signature": signature(receiver.secret, at_s, body)} if receiver.secret else {}
    return {"Content-Type": "application/json", "X-Flyball-Id": message.id, **signed}


def signature(secret: bytes, at_s: int, body: bytes) -> str:
    """`t=<Unix seconds>,v1=<hex>`: HMAC-SHA-256 of `<t>.` and the body, so that neither is changed and an old message
    is not played again: a receiver refuses a `t` that is more than five minutes away."""
    mac = hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


def _webhook(m: Message) -> Mapping[str, object]:
    return {
        "apiVersion": "flyball/v1",
        "kind": "Notification",
        "id": m.id,
        "topic": m.topic,
        "severity": m.severity,
        "record": m.seq,
        "at_ms": m.at_ms,
        "cluster": m.cluster,
        "about": m.about,
        "title": m.title,
        "lines": list(m.lines),
        "command": m.command,
    }


def _slack(m: Message) -> Mapping[str, object]:
    """Every text is `plain_text`, in which Slack reads no markup; `text` (for its notifications) is escaped as Slack
    asks, and neither names nor links in it are looked for."""
    title = clean(_MARK[m.severity] + m.title, 150)
    blocks = [_section(title), *([_section("\n".join(m.lines))] if m.lines else []), _command(m)]
    return {
        "text": _escaped(title),
        "mrkdwn": False,
        "link_names": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _section(text: str) -> Mapping[str, object]:
    return {"type": "section", "text": _plain(text)}


def _command(m: Message) -> Mapping[str, object]:
    return {"type": "context", "elements": [_plain(f"{m.command}   (record {m.seq}, {m.id})")]}


def _plain(text: str) -> Mapping[str, object]:
    return {"type": "plain_text", "text": text[:2900], "emoji": False}


def _escaped(text: str) -> str:
    """https://api.slack.com/reference/surfaces/formatting#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
