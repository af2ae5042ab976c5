"""A streamed reply: chunks of Chat Completions put together as the document that would have come at once.

Compatible servers differ here too: a tool call without an index, its name again in each chunk, its arguments as an
object, thoughts in `reasoning_content`, in `reasoning` or in the text between `<think>` and `</think>`.
"""

import json
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.errors import ModelUnavailable, ReplyMalformed
from agents.models.reply import MAX_REPLY
from agents.models.types import Delta, HeardBy

_OPEN, _CLOSE = "<think>", "</think>"


@dataclass(slots=True)
class _Heard:
    """What of the text may be shown so far: nothing of a thought that it begins with."""

    held: str = ""
    state: str = "begins"
    """`begins` (it may yet be a thought), `thinks`, `has thought` (blanks follow) or `speaks`."""

    def take(self, text: str) -> Delta:
        """The next piece of the text."""
        if self.state == "has thought":
            text = text.lstrip()
            self.state = "speaks" if text else self.state
        if self.state in ("speaks", "has thought"):
            return Delta(text)
        self.held += text
        if self.state == "begins":
            start = self.held.lstrip()
            if _OPEN.startswith(start[: len(_OPEN)]) and len(start) < len(_OPEN):
                return Delta()
            self.state = "thinks" if start.startswith(_OPEN) else "speaks"
            if self.state == "speaks":
                return Delta(self.held)
        thought, closed, rest = self.held.partition(_CLOSE)
        if not closed:
            kept = len(_CLOSE) - 1
            self.held, told = self.held[-kept:], self.held[:-kept]
            return Delta(reasoning=told)
        self.state = "speaks" if rest.strip() else "has thought"
        return Delta(rest.lstrip(), thought)

    def end(self) -> Delta:
        """No text comes any more: what was held back is no thought."""
        return Delta(self.held) if self.state == "begins" and self.held else Delta()


@dataclass(slots=True)
class Assembly:
    """The chunks so far. `size` is how many characters came."""

    size: int = 0
    ended: bool = False
    _text: list[str] = field(default_factory=list)
    _thoughts: list[str] = field(default_factory=list)
    _calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    _finish: object = None
    _usage: object = None
    _heard: _Heard = field(default_factory=_Heard)

    def add(self, chunk: Mapping[str, Any]) -> Delta:
        """One chunk; what can be heard of it."""
        if isinstance(chunk.get("usage"), Mapping):
            self._usage, self.ended = chunk["usage"], True
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping) or choice.get("index") not in (0, None):
            return Delta()
        if choice.get("finish_reason"):
            self._finish, self.ended = choice["finish_reason"], True
        delta = choice.get("delta") or choice.get("message")
        return self._delta(delta) if isinstance(delta, Mapping) else Delta()

    def _delta(self, delta: Mapping[str, Any]) -> Delta:
        text = _text(delta.get("content")) or _text(delta.get("refusal"))
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        self._text.append(text)
        self._thoughts.append(thought)
        self.size += len(text) + len(thought)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping):
                self._call(call)
        heard = self._heard.take(text) if text else Delta()
        return Delta(heard.text, heard.reasoning + thought)

    def _call(self, piece: Mapping[str, Any]) -> None:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else {}
        at = piece.get("index")
        if type(at) is not int:
            at = len(self._calls) if function.get("name") else max(self._calls, default=0)
        call = self._calls.setdefault(at, {"type": "function", "function": {"name": "", "arguments": ""}})
        call["type"] = piece.get("type") or call["type"]
        name, given = _text(function.get("name")), function.get("arguments")
        if name != call["function"]["name"]:
            call["function"]["name"] += name
        more = given if isinstance(given, str) else json.dumps(given) if given else ""
        call["function"]["arguments"] += more
        self.size += len(name) + len(more)

    def last(self) -> Delta:
        """What is heard when the stream has ended."""
        return self._heard.end()

    def document(self) -> dict[str, Any]:
        """The whole response, as it would have come without a stream."""
        calls = [self._calls[at] for at in sorted(self._calls)]
        message = {
            "content": "".join(self._text),
            "reasoning_content": "".join(self._thoughts),
            "tool_calls": calls,
        }
        return {"choices": [{"message": message, "finish_reason": self._finish}], "usage": self._usage}


async def gathered(
    chunks: AsyncIterable[Any], heard: HeardBy, came: Callable[[], None], where: str
) -> dict[str, Any]:
    """The whole response of a stream of the library's chunks; `heard` gets its pieces as they come. `came` is called
    for each one that holds something, be it of a call: chunks without anything keep no reply alive.

    Raises ReplyMalformed for what is no stream of chunks, ModelUnavailable where it ends before its reply does."""
    assembly = Assembly()
    try:
        async for chunk in chunks:
            before = assembly.size
            _tell(heard, assembly.add(chunk.to_dict(warnings=False)))
            if assembly.size > before or assembly.ended:
                came()
            if assembly.size > MAX_REPLY:
                raise ReplyMalformed(f"the model's reply is longer than {MAX_REPLY} characters", where=where)
    except (ValueError, TypeError, AttributeError) as error:
        raise ReplyMalformed("the stream holds something that is no chunk of a reply", where=where) from error
    _tell(heard, assembly.last())
    if not assembly.ended:
        hint = "the connection was cut, or the server ended; ask again"
        raise ModelUnavailable("the stream ended before the reply did", where=where, hint=hint)
    return assembly.document()


def _tell(heard: HeardBy, delta: Delta) -> None:
    if delta.text or delta.reasoning:
        heard(delta)


def _text(value: object) -> str:
    """Text, also of a list of parts; nothing of anything else."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, Mapping))
    return value if isinstance(value, str) else ""
