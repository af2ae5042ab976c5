"""The names that a person has been shown, stored beside the log so that completion can offer them again.

Completion must not ask the cluster: a read there is governed and recorded, and nobody asked for one by pressing
TAB. So it offers what a governed read has released to this person before, and nothing else. The file holds names
alone, in the log's own folder (0700); it is a cache: whatever is wrong with it, it is empty.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from flyball.private_file import PrivateFile

FILE = "shown.json"
_FORMAT = 1
_BYTES, _CONTEXTS, _NAMESPACES, _NAMES = 1 << 20, 20, 200, 1000
"""Limits of what is stored: bytes of the file, contexts, namespaces of each, names of each."""

Spaces = dict[str, list[str]]
"""KIND/NAME by namespace."""


def read(folder: Path, context: str) -> Spaces:
    """What was shown of a context; empty where nothing was, or the file is none."""
    return _load(folder).get(context, {})


def keep(
    folder: Path,
    context: str,
    shown: Mapping[str, Iterable[str]],
    *,
    whole: bool = False,
    everywhere: bool = False,
) -> None:
    """Remember names by namespace. `whole`: they are all that may be seen there now, so that what is gone or may no
    longer be seen is forgotten; `everywhere`: they are all of the context. A disk that does not take it does not
    matter."""
    known = _load(folder)
    spaces = known.pop(context, {})
    if everywhere:
        spaces = {}
    for namespace, names in shown.items():
        before = [] if whole else spaces.pop(namespace, [])
        spaces[namespace] = sorted({*before, *names})[:_NAMES]
    known[context] = dict(list(spaces.items())[-_NAMESPACES:])
    _store(folder, dict(list(known.items())[-_CONTEXTS:]))


def _load(folder: Path) -> dict[str, Spaces]:
    with suppress(ValueError, TypeError, AttributeError, KeyError, RecursionError):
        found = json.loads((PrivateFile(folder / FILE).load() or b"")[:_BYTES])
        if found["format"] == _FORMAT:
            return {
                str(context): {str(space): [str(name) for name in names] for space, names in spaces.items()}
                for context, spaces in found["contexts"].items()
            }
    return {}


def _store(folder: Path, contexts: Mapping[str, Spaces]) -> None:
    """In one step: a reader sees the old file or the new one, also while two commands write."""
    PrivateFile(folder / FILE).save(json.dumps({"format": _FORMAT, "contexts": contexts}).encode())
