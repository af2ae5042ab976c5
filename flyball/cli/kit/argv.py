"""kubectl's spellings that the parser below does not take."""

import re
from collections.abc import Sequence

COMPLETE = "_FLYBALL_COMPLETE"
"""The variable by which a shell's function asks for completions."""
_SPAN = re.compile(r"[0-9]+[^0-9/].*")

# the common options that take a value, and those that take none
_VALUED = (
    "--context",
    "-n",
    "--namespace",
    "--kubeconfig",
    "--state",
    "--policies",
    "--config",
    "-o",
    "--output",
)

_SWITCHES = ("--debug", "--no-base")
_JOINED = tuple(f"{name}=" for name in _VALUED if name.startswith("--"))
_SHORT = re.compile(r"-[no].+")
"""`-nshop` and `-ojson`, as kubectl takes them."""


def normalize_argv(words: Sequence[str]) -> list[str]:
    """`--dry-run` and `--wait` without their optional value get it; common options go behind the command."""
    count = _leading(words)
    behind = [*words[count:], *words[:count]] if count < len(words) else list(words)
    return [_valued(word, behind[i + 1] if i + 1 < len(behind) else "") for i, word in enumerate(behind)]


def _valued(word: str, following: str) -> str:
    if word == "--dry-run":
        return "--dry-run=server"
    return "--wait=5m" if word == "--wait" and not _SPAN.fullmatch(following) else word


def _leading(words: Sequence[str]) -> int:
    """How many words before the command are common options and their values."""
    count = 0
    while count < len(words):
        word = words[count]
        if word in _VALUED:
            count += 2
        elif word in _SWITCHES or word.startswith(_JOINED) or _SHORT.fullmatch(word):
            count += 1
        else:
            break
    return min(count, len(words))
