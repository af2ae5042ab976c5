"""kubectl's liberties with words that the parser below does not take."""

from collections.abc import Sequence

# the common options that take a value; --debug takes none
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


def arranged(words: Sequence[str]) -> list[str]:
    """`--dry-run` without its optional value gets it; common options before the command go behind it."""
    count = _leading(words)
    behind = [*words[count:], *words[:count]] if count < len(words) else list(words)
    return ["--dry-run=server" if word == "--dry-run" else word for word in behind]


def _leading(words: Sequence[str]) -> int:
    """How many words before the command are common options and their values."""
    count = 0
    while count < len(words):
        word = words[count]
        if word in _VALUED:
            count += 2
        elif word == "--debug" or word.startswith(
            tuple(f"{name}=" for name in _VALUED if name.startswith("--"))
        ):
            count += 1
        else:
            break
    return min(count, len(words))
