"""From plain data to a document of its kind; pydantic's findings become what, where and hint."""

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from base.errors import words_of
from policies.document import Document, Path
from policies.errors import PolicyError
from policies.kinds import KINDS, Kind
from policies.testcase import TestCase


def validate(document: Document) -> tuple[Kind | None, list[PolicyError]]:
    """The typed document, or every finding with its line."""
    kind = document.data.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        hint = _near(str(kind), KINDS) or f"one of {', '.join(KINDS)}"
        return None, [PolicyError(f"kind `{kind}` is unknown", where=document.where(("kind",)), hint=hint)]
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, [_problem(finding, model, document) for finding in error.errors()]


def _problem(finding: Any, model: type[BaseModel], document: Document) -> PolicyError:
    path = _real(finding["loc"], document.data)
    name = ".".join(str(part) for part in path) or "the document"
    where = document.where(path)
    if finding["type"] == "extra_forbidden":
        known = _fields(model, path[:-1])
        hint = _near(str(path[-1]), known) or f"known here: {', '.join(sorted(known))}"
        return PolicyError(f"{name} is unknown", where=where, hint=hint)
    if finding["type"] == "missing":
        return PolicyError(f"{name} is missing", where=where, hint=f"add `{path[-1]}`")
    message = words_of(finding)
    return PolicyError(f"{name}: {message[:1].lower()}{message[1:]}", where=where)


def _real(loc: Iterable[str | int], data: Any) -> Path:
    """`loc` without the parts that name union members, not keys: those that the data does not have."""
    path: list[str | int] = []
    parts = list(loc)
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        inside = part in data if isinstance(data, dict) else isinstance(data, tuple) and isinstance(part, int)
        if inside:
            data = data[part]
            path.append(part)
        elif (
            last and isinstance(data, dict) and isinstance(part, str) and "[" not in part and "-" not in part
        ):
            path.append(part)
    return tuple(path)


def _fields(model: type[BaseModel], path: Path) -> set[str]:
    """The keys that are known at `path` below `model`."""
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for n, f in model.model_fields.items() if (f.alias or n) == part), None)
        inner = _model_in(field.annotation) if field is not None else None
        if inner is None:
            return set()
        model = inner
    if model is TestCase:
        return {"as", "target", "expect", "rule", "from", "for"}
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def unknown(word: str, known: Iterable[str], *, what: str, where: str) -> PolicyError:
    """A name that is not among `known`."""
    names = sorted(known)
    return PolicyError(
        f"{what} `{word}` is unknown",
        where=where,
        hint=_near(word, names) or f"known: {', '.join(names[:12]) or 'none'}",
    )
