"""Tool calls that a model wrote as text, since its server does not parse them: told of, and never carried out.

| form | of |
|---|---|
| `<tool_call>{…}`, `<function=scale>` | Hermes, Qwen |
| `[TOOL_CALLS] [{…}]` | Mistral |
| `<|python_tag|>…`, `[scale(replicas=4)]` | Llama |
| `<｜tool▁calls▁begin｜>…`, `<|tool_calls_section_begin|>…` | DeepSeek, Kimi |
| `{"name": "scale", "arguments": {…}}`, alone or in a code block | many small models |
"""

import json
import re
from collections.abc import Collection, Iterator

_MARK = re.compile(
    r"<tool_call>|<function=|<invoke name=|<[|｜]tool[▁_]calls?|<\|python_tag\|>|\[TOOL_CALLS\]|functools\["
)
_BLOCK = re.compile(r"```[a-z_]*\s*\n(.*?)```", re.DOTALL)
_PYTHON = re.compile(r"\s*\[?\s*([A-Za-z_]\w*)\s*\(.*\)\s*\]?\s*", re.DOTALL)
_NAMED, _GIVEN = ("name", "function", "tool"), ("arguments", "parameters", "args")
_MOST = 64 * 2**10
"""Characters of a text that are looked at; a call is shorter."""


def wrote_calls(text: str, tools: Collection[str]) -> bool:
    """Whether `text` is, or holds, a call of one of `tools` in one of the forms in use."""
    text = text[:_MOST]
    mark = _MARK.search(text)
    if mark and any(name in text[mark.end() - 1 :] for name in tools):
        return True
    if (python := _PYTHON.fullmatch(text)) and python[1] in tools:
        return True
    return any(_is_call(one, tools) for block in (text, *_BLOCK.findall(text)) for one in _objects(block))


def _objects(text: str) -> Iterator[dict[str, object]]:
    """The JSON object that a text is, or those of its list."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict):
            yield one


def _is_call(one: dict[str, object], tools: Collection[str]) -> bool:
    inner = one.get("function")
    told = {**one, **inner} if isinstance(inner, dict) else one
    named = any(isinstance(name := told.get(key), str) and name in tools for key in _NAMED)
    return named and any(key in told for key in _GIVEN)
