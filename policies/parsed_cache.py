"""Parsed policy files, kept between two starts: parsing YAML costs more than every decision of a command.

What is kept is the documents' plain data, never a verdict, a row or code: it is validated, checked and compiled
again each time. It is believed only under a MAC whose key lies elsewhere, and only for exactly these files' bytes,
this Flyball, this Python, this parser and this YAML library. Anything else is neither an error nor a policy: the
files are parsed. So who can write where this is kept, and not the policy folder, can cost time and nothing more.

Version rule: FORMAT moves on when the same bytes would be read differently.
"""

import hashlib
import hmac
import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any, Protocol

from policies.document import Document, Path

FORMAT = 1
KEY_BYTES = 32
_DOMAIN = b"flyball/policy-cache\0"
_MAC_BYTES = 32
_PARSERS = ("policies.yaml_documents", "ruamel.yaml")


class Store(Protocol):
    """Where the sealed bytes are kept. Neither method raises: what is not there or not trusted is None."""

    def load(self) -> bytes | None: ...
    def save(self, sealed: bytes) -> None: ...


class ParsedCache:
    """One policy's parsed documents under a MAC. `key` must not lie where the store can be written."""

    def __init__(self, store: Store, key: bytes, software: str) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the key is not as long as its hash")
        self._store, self._key, self._software = store, key, software

    def get(self, texts: Mapping[str, bytes]) -> list[Document] | None:
        """The documents of these files, or None where they must be parsed."""
        sealed = self._store.load()
        if sealed is None or not hmac.compare_digest(sealed[:_MAC_BYTES], self._mac(sealed[_MAC_BYTES:])):
            return None
        try:
            kept = json.loads(sealed[_MAC_BYTES:])
            if kept["bound"] != self._bound(texts):
                return None
            return [_document(one) for one in kept["documents"]]
        except (ValueError, KeyError, TypeError, RecursionError, InvalidOperation):
            return None

    def put(self, texts: Mapping[str, bytes], documents: Sequence[Document]) -> None:
        """Keep them, where they come back the same (text that JSON would change is parsed each time)."""
        try:
            kept = {"bound": self._bound(texts), "documents": [_plain(document) for document in documents]}
            body = json.dumps(kept, separators=(",", ":"), allow_nan=False).encode("ascii")
            same = [_document(one) for one in json.loads(body)["documents"]] == list(documents)
        except (ValueError, RecursionError):
            return
        if same:
            self._store.save(self._mac(body) + body)

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _DOMAIN + body, "sha256")

    def _bound(self, texts: Mapping[str, bytes]) -> list[Any]:
        """What the documents hold for; any difference means parsing."""
        files = [[name, hashlib.sha256(raw).hexdigest()] for name, raw in texts.items()]
        return [FORMAT, self._software, sys.version, [_source_digest(name) for name in _PARSERS], files]


def _source_digest(module: str) -> str:
    """By the source itself: in a working copy the parser changes while its version does not. Raises ValueError."""
    spec = find_spec(module)
    try:
        return hashlib.sha256(FilePath(spec.origin).read_bytes()).hexdigest()  # type: ignore[union-attr, arg-type]
    except (OSError, AttributeError, TypeError) as error:
        raise ValueError(f"`{module}` has no source to go by") from error


def _plain(document: Document) -> list[Any]:
    lines = [[line, *path] for path, line in document.lines.items()]
    return [document.file, document.line, _tagged(document.data), lines]


def _document(plain: Any) -> Document:
    file, line, data, lines = plain
    found = _untagged(data)
    if not isinstance(file, str) or not isinstance(line, int) or not isinstance(found, dict):
        raise ValueError("not a document")
    return Document(file, line, found, {_path(path): _line(first) for first, *path in lines})


def _path(parts: Sequence[Any]) -> Path:
    if not all(isinstance(part, str | int) for part in parts):
        raise ValueError("not a path")
    return tuple(parts)


def _line(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("not a line")
    return value


def _tagged(value: Any) -> Any:
    """JSON that keeps what YAML told apart: a mapping stays one, sequences and decimals are lists with a tag."""
    if isinstance(value, dict):
        return {key: _tagged(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return ["t", *map(_tagged, value)]
    if isinstance(value, Decimal):
        return ["d", str(value)]
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError(f"{type(value).__name__} is not kept")


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untagged(inner) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    tag, *inner = value
    if tag == "t":
        return tuple(map(_untagged, inner))
    if tag == "d":
        (text,) = inner
        return Decimal(text)
    raise ValueError("an unknown tag")
