"""Manifests: the default world that ships with the sandbox, and files that a person loads."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from sandbox.api.errors import SandboxError
from sandbox.api.store import Json
from sandbox.load.manifest import embedded

_SIZE_MAX = 4 << 20


def base() -> list[Json]:
    """What every world has: three nodes and the namespaces of a new cluster."""
    return _parse(files("sandbox").joinpath("worlds/base.yaml").read_text(), "worlds/base.yaml")


WORLDS = ("shop", "night")
"""The worlds that are shipped, the default one first."""


def shipped_world(name: str) -> list[Json]:
    """One of WORLDS: workloads and their loads."""
    return _parse(files("sandbox").joinpath(f"worlds/{name}.yaml").read_text(), f"worlds/{name}.yaml")


def default_world() -> list[Json]:
    """The namespace `shop` with its workloads and their loads."""
    return shipped_world(WORLDS[0])


def read(path: Path) -> list[Json]:
    """The objects of a YAML or JSON file; a `List` is unfolded, and a recorded demand that a Load names is read
    from beside the file. Raises SandboxError."""
    try:
        if path.stat().st_size > _SIZE_MAX:
            raise SandboxError("the file is larger than 4 MiB", where=str(path))
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "it is not UTF-8"
        raise SandboxError(f"the file cannot be read: {why}", where=str(path)) from e
    documents = _parse(text, str(path))
    if not documents:
        raise SandboxError("the file holds no object", where=str(path), hint="write manifests into it")
    return [embedded(one, path.parent) for one in documents]


def _parse(text: str, where: str) -> list[Json]:
    from ruamel.yaml import YAML  # only a world that begins, or a file that is loaded, needs it
    from ruamel.yaml.error import YAMLError

    try:
        documents = [d for d in YAML(typ="safe", pure=True).load_all(text) if d is not None]
        # Through JSON: what is stored must be JSON, and an unquoted date in YAML is none.
        documents = json.loads(json.dumps(documents, allow_nan=False))
    except (YAMLError, TypeError, ValueError, RecursionError) as e:
        raise SandboxError(
            f"the file is not YAML that can be read: {str(e).splitlines()[0]}", where=where
        ) from e
    return [one for document in documents for one in _unfold(document, where)]


def _unfold(document: Any, where: str) -> list[Json]:
    if not isinstance(document, dict):
        raise SandboxError("each document must be an object of the Kubernetes API", where=where)
    if document.get("kind") == "List":
        return [one for item in document.get("items") or [] for one in _unfold(item, where)]
    return [document]
