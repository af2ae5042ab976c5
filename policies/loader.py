"""From files to a Snapshot. All or nothing: one finding anywhere, and nothing of the policy is in force."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from policies.checks import Loaded, check
from policies.document import Document
from policies.errors import PolicyError, PolicyInvalid
from policies.files import read
from policies.kinds import Kind
from policies.manifest import listed
from policies.parsed_cache import ParsedCache
from policies.snapshot import Origin, Snapshot, build
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
    base: Collection[str] = (),
) -> Snapshot:
    """The policy that these files make. Raises PolicyInvalid with every finding.

    `base` names the files among them that others are added to: a document of another file with the same kind and
    name takes the place of one of these.

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
    in_force, replaced = _over(loaded, base)
    if not problems:
        problems += check(in_force, {info.name: info for info in catalogue})
    if problems:
        raise PolicyInvalid(tuple(problems))
    if cache and known is None:
        cache.put(texts, [document for _, document in loaded])
    origin = Origin({_key(kind): document.where() for kind, document in in_force}, frozenset(base), replaced)
    kinds: list[Kind] = [kind for kind, _ in in_force]
    return build(kinds, catalogue, clusters, origin)


def _over(loaded: Loaded, base: Collection[str]) -> tuple[Loaded, dict[str, str]]:
    """What is in force, and where the documents of the base stand whose place others took."""
    given = {_key(kind) for kind, document in loaded if document.file not in base}
    in_force: Loaded = []
    replaced: dict[str, str] = {}
    for kind, document in loaded:
        if document.file in base and _key(kind) in given:
            replaced[_key(kind)] = document.where()
        else:
            in_force.append((kind, document))
    return in_force, replaced


def _key(kind: Kind) -> str:
    return f"{kind.kind}/{kind.metadata.name}"


def _parsed(texts: Mapping[str, bytes]) -> Iterator[Document | PolicyError]:
    from policies.yaml_documents import parse  # the YAML library, which a cached policy does not need

    for name, raw in texts.items():
        try:
            yield from parse(raw, name)
        except PolicyError as error:
            yield error
