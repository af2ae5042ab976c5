"""A manifest beside policy files: what belongs to the set, by digest. Then a file that is missing is an error.

`SHA256SUMS` as sha256sum writes it (`sha256sum *.yaml > SHA256SUMS`), a line a file. Where one lies in a folder, the
folder's policy files are exactly those that it names, with exactly those digests.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from policies.errors import PolicyError, PolicyInvalid

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\0/\\]{1,255})", re.ASCII)


def listed(texts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The policy files among `texts` (by path), once every manifest among them fits. Raises PolicyInvalid with
    every finding."""
    problems = [
        problem
        for path, raw in texts.items()
        if PurePath(path).name == MANIFEST
        for problem in _check(path, raw, _beside(path, texts))
    ]
    if problems:
        raise PolicyInvalid(tuple(problems))
    return {path: raw for path, raw in texts.items() if PurePath(path).name != MANIFEST}


def _beside(path: str, texts: Mapping[str, bytes]) -> dict[str, bytes]:
    folder = PurePath(path).parent
    paths = [PurePath(other) for other in texts]
    return {p.name: texts[str(p)] for p in paths if p.parent == folder and p.name != MANIFEST}


def _check(path: str, raw: bytes, files: Mapping[str, bytes]) -> Iterator[PolicyError]:
    named: dict[str, str] = {}
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in named:
            what = "is not a line of sha256sum's, or names a file again"
            yield PolicyError(what, where=f"{path}:{number}", hint=_AGAIN)
        else:
            named[match[2]] = match[1]
    folder = PurePath(path).parent
    for name in sorted(named.keys() | files.keys()):
        if name not in files:
            yield PolicyError(
                "is missing, and the manifest names it", where=str(folder / name), hint=_RESTORE
            )
        elif name not in named:
            yield PolicyError("is not in the manifest", where=str(folder / name), hint=_AGAIN)
        elif _sha256(files[name]) != named[name]:
            what = "is not the file of the manifest: its digest differs"
            yield PolicyError(what, where=str(folder / name), hint=_RESTORE)


_AGAIN = f"if the files are as meant: sha256sum *.yaml > {MANIFEST}"
_RESTORE = f"restore it; {_AGAIN}"


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
