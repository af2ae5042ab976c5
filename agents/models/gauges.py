"""The questions by which a model's tool calls are tried, and their two tools."""

from typing import Any

from agents.models.types import Message, RawCall, ToolCall, message

_GAUGE = {"type": "string", "enum": ["boiler", "tank"], "description": "which gauge"}


def _tool(name: str, what: str, fields: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }
    function = {"name": name, "description": what, "strict": True, "parameters": parameters}
    return {"type": "function", "function": function}


READ = _tool("read_gauge", "Read what a gauge shows now.", {"gauge": _GAUGE})
SET = _tool(
    "set_gauge",
    "Set the level of a gauge.",
    {"gauge": _GAUGE, "level": {"type": "integer"}, "note": {"type": ["string", "null"]}},
)
_ID = "gauge0001"


def asked_one() -> list[Message]:
    """What only a call of READ can answer."""
    return [message("user", "What does the gauge `boiler` show now? Call read_gauge, then tell the number.")]


def asked_both() -> list[Message]:
    """What two calls of READ answer, in one reply if the model can."""
    return [message("user", "Read the gauges `boiler` and `tank` with read_gauge, both calls at once.")]


def asked_set() -> list[Message]:
    """What one call of SET does, each of its fields named."""
    return [message("user", "Call set_gauge: gauge `tank`, level 7, note null.")]


def given_back(call: RawCall, value: int) -> list[Message]:
    """The first question, the model's call, and what the gauge shows."""
    sent: ToolCall = {"id": _ID, "request_id": _ID, "name": call.name, "arguments": call.arguments}
    return [
        *asked_one(),
        {"id": "call", "role": "assistant", "text": "", "calls": [sent], "answers": ""},
        {"id": "shown", "role": "tool", "text": f'{{"shows": {value}}}', "calls": [], "answers": _ID},
    ]
