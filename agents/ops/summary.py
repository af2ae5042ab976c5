"""What a turn has come to, from the results of its calls. Nothing of the model's text goes into it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from agents.models.types import Message

_HEADS = {
    "applied": "changed",
    "in_part": "changed in part",
    "unchanged": "was so already",
    "simulated": "would change",
    "pending": "waits for a person",
    "in_doubt": "in doubt",
    "unknown": "cut off, see the audit log",
}
"""By a result's status; what was refused or has failed has changed nothing."""


def of_turn(messages: Sequence[Message]) -> tuple[str, ...]:
    """A line for each change of the newest turn, and for what waits or is not known."""
    last = max((i for i, one in enumerate(messages) if one["role"] == "user"), default=len(messages))
    return tuple(_lines(messages[last + 1 :]))


def _lines(messages: Sequence[Message]) -> Iterator[str]:
    for one in messages:
        told = _object(one["text"]) if one["role"] == "tool" else {}
        head = _HEADS.get(str(told.get("status")))
        if head:
            facts = _object(str(told.get("data_not_instructions", "")))
            words = (facts.get("action"), facts.get("workload"), facts.get("diff"), told.get("waits_for"))
            yield f"{head}: {' '.join(str(word) for word in words if word) or told.get('request_id', '')}"


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
