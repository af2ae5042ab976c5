"""From files to a Snapshot. All or nothing: one finding anywhere, and nothing of the policy is in force."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from policies.checks import Loaded, check
from policies.document import Document
from policies.errors import PolicyError, PolicyInvalid
from policies.kinds import Kind
from policies.parsed_cache import ParsedCache
from policies.snapshot import Snapshot, build
from policies.types import ActionInfo
from policies.validation import validate

_MAX_FILES = 10_000


def load(paths: Sequence[Path], *, catalogue: Sequence[ActionInfo], clusters: Sequence[str]) -> Snapshot:
    """The policy of `paths` (files, or folders whose `*.yaml` and `*.yml` count). Raises PolicyInvalid."""
    return compile_texts(read(paths), catalogue=catalogue, clusters=clusters)


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The policy files below `paths`, in a stable order. Raises PolicyInvalid where there are none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            with os.scandir(
                path
            ) as inside:  # looked at for every action: half the cost of pathlib's own listing
                names = [one.name for one in inside if one.name.endswith((".yaml", ".yml")) and one.is_file()]
            found += [path / name for name in sorted(names) if name not in (".yaml", ".yml")]
        else:
            found.append(path)
    if not found or len(found) > _MAX_FILES:
        where = ", ".join(map(str, paths))
        what = "too many policy files" if found else "no policy file"
        raise PolicyInvalid((PolicyError(what, where=where, hint="name a folder with *.yaml files"),))
    return found


def read(paths: Sequence[Path]) -> dict[str, bytes]:
    """The policy files' bytes by name. Raises PolicyInvalid where one cannot be read."""
    out: dict[str, bytes] = {}
    for path in files_of(paths):
        try:
            out[str(path)] = path.read_bytes()
        except OSError as error:
            problem = PolicyError(f"cannot be read: {error.strerror}", where=str(path))
            raise PolicyInvalid((problem,)) from error
    return out


def compile_texts(
    texts: Mapping[str, bytes],
    *,
    catalogue: Sequence[ActionInfo],
    clusters: Sequence[str],
    cache: ParsedCache | None = None,
) -> Snapshot:
    """The policy that these files make. Raises PolicyInvalid with every finding.

    `cache` spares the parsing of text that was parsed before, nothing else: what it gives is validated, checked
    and compiled like fresh text.
    """
    known = cache.get(texts) if cache else None
    problems: list[PolicyError] = []
    loaded: Loaded = []
    for document in _parsed(texts) if known is None else known:
        kind, wrong = (None, [document]) if isinstance(document, PolicyError) else validate(document)
        problems += wrong
        if kind is not None and isinstance(document, Document):
            loaded.append((kind, document))
    if not problems:
        problems += check(loaded, {info.name: info for info in catalogue})
    if problems:
        raise PolicyInvalid(tuple(problems))
    if cache and known is None:
        cache.put(texts, [document for _, document in loaded])
    files = {f"{kind.kind}/{kind.metadata.name}": document.where() for kind, document in loaded}
    kinds: list[Kind] = [kind for kind, _ in loaded]
    return build(kinds, catalogue, clusters, files)


def _parsed(texts: Mapping[str, bytes]) -> Iterator[Document | PolicyError]:
    from policies.yaml_documents import parse  # the YAML library, which a cached policy does not need

    for name, raw in texts.items():
        try:
            yield from parse(raw, name)
        except PolicyError as error:
            yield error
