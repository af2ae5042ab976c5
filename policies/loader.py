"""From files to a Snapshot. All or nothing: one finding anywhere, and nothing of the policy is in force."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from policies.checks import Loaded, check
from policies.document import Document
from policies.errors import PolicyError, PolicyInvalid
from policies.files import read
from policies.kinds import Kind
from policies.manifest import listed
from policies.parsed_cache import ParsedCache
from policies.snapshot import Snapshot, build
from policies.types import ActionInfo
from policies.validation import validate


def load(paths: Sequence[Path], *, catalogue: Sequence[ActionInfo], clusters: Sequence[str]) -> Snapshot:
    """The policy of `paths` (files, or folders whose `*.yaml` and `*.yml` count). Raises PolicyInvalid."""
    return compile_texts(listed(read(paths)), catalogue=catalogue, clusters=clusters)


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
