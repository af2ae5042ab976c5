"""kubeconfig files as kubectl reads them: several merged, the first to name a thing wins, paths absolute.

Cheap to import: the official client (over a second) comes in only where a connection is made.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.errors import ClusterUnavailable

Section = dict[str, Any]
_SECTIONS = ("clusters", "contexts", "users")
_FILES = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}


class KubeconfigInvalid(ClusterUnavailable):
    """The kubeconfig names no cluster that could be asked: missing, broken, or without the context."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The merged files. `document` is in kubectl's own shape; `where` names the files for error messages."""

    document: Mapping[str, Any]
    where: str

    @property
    def current(self) -> str | None:
        return self.document.get("current-context") or None

    @property
    def contexts(self) -> tuple[str, ...]:
        return tuple(one["name"] for one in self.document["contexts"])

    def context(self, name: str | None) -> str:
        """The context to use: the one named, else the current one. Raises KubeconfigInvalid."""
        wanted = name or self.current
        if wanted is None:
            raise KubeconfigInvalid(
                "no context was named and the kubeconfig has no current-context",
                where=self.where,
                hint="name one with --context, or `kubectl config use-context NAME`",
            )
        if wanted not in self.contexts:
            known = ", ".join(self.contexts) or "none"
            raise KubeconfigInvalid(
                f"context `{wanted}` is not in the kubeconfig", where=self.where, hint=f"it has: {known}"
            )
        return wanted

    def namespace(self, context: str) -> str | None:
        """The context's own namespace, if it names one."""
        entry = next(one["context"] for one in self.document["contexts"] if one["name"] == context)
        return entry.get("namespace") or None

    def part(self, context: str, section: str) -> Section:
        """The cluster (`clusters`) or user (`users`) of a context; empty where it names no user."""
        entry = next(one["context"] for one in self.document["contexts"] if one["name"] == context)
        wanted = entry.get(section[:-1])
        for one in self.document[section]:
            if one["name"] == wanted:
                return dict(one.get(section[:-1]) or {})
        if section == "users" and not wanted:
            return {}
        raise KubeconfigInvalid(
            f"context `{context}` names the {section[:-1]} `{wanted}`, which is not there",
            where=self.where,
            hint=f"add it to `{section}` of the kubeconfig",
        )


def locations(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where kubectl looks: the files of KUBECONFIG, else ~/.kube/config."""
    named = [Path(one).expanduser() for one in environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    return tuple(named) or (Path.home() / ".kube" / "config",)


def read(paths: Sequence[Path]) -> Kubeconfig:
    """Read and merge; files that are not there are ignored while another is. Raises KubeconfigInvalid."""
    where = os.pathsep.join(str(path) for path in paths)
    documents = [_parse(path) for path in paths if path.exists()]
    if not documents:
        raise KubeconfigInvalid(
            "no kubeconfig file is there", where=where, hint="set KUBECONFIG, or give one with --kubeconfig"
        )
    merged: Section = {"apiVersion": "v1", "kind": "Config", "current-context": ""}
    merged |= {section: [] for section in _SECTIONS}
    for document in documents:
        merged["current-context"] = merged["current-context"] or document.get("current-context") or ""
        for section in _SECTIONS:
            known = {one["name"] for one in merged[section]}
            merged[section] += [one for one in document[section] if one["name"] not in known]
    return Kubeconfig(merged, where)


def _parse(path: Path) -> Section:
    from ruamel.yaml import YAML  # the sandbox has no kubeconfig to read
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        loaded = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigInvalid(f"cannot read the kubeconfig: {error}", where=str(path)) from error
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or error
        raise KubeconfigInvalid(
            f"the kubeconfig is not YAML: {problem}", where=where, hint="correct that line"
        ) from error
    if not isinstance(loaded, dict):
        raise KubeconfigInvalid(
            "the kubeconfig holds no settings",
            where=str(path),
            hint="write one with `kubectl config set-context`",
        )
    return loaded | {section: _entries(loaded, section, path) for section in _SECTIONS}


def _entries(document: Section, section: str, path: Path) -> list[Section]:
    """The named entries of a section, with their files relative to the kubeconfig's folder made absolute."""
    entries = document.get(section) or []
    singular = section[:-1]
    for number, one in enumerate(entries if isinstance(entries, list) else [None]):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise KubeconfigInvalid(f"{section}[{number}] has no name", where=str(path))
        if not isinstance(one.setdefault(singular, {}), dict):
            raise KubeconfigInvalid(f"{section}[{number}].{singular} is not a mapping", where=str(path))
        _absolute(one[singular], _FILES.get(section, ()), path.parent)
    return list(entries)


def _absolute(settings: Section, names: Sequence[str], folder: Path) -> None:
    for name in names:
        if settings.get(name):
            settings[name] = str(folder.absolute() / settings[name])
    plugin = settings.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        plugin["command"] = str(folder.absolute() / plugin["command"])
