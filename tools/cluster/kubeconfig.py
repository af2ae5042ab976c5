"""kubeconfig files as kubectl reads them: several merged, the first to name a thing wins, paths absolute.

Cheap to import: the official client (over a second) comes in only where a connection is made.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """The merged files. `document` is in kubectl's own shape; `where` names the files for error messages.

    `files` names the file of each entry, by section and name.
    """

    document: Mapping[str, Any]
    where: str
    files: Mapping[tuple[str, str], Path] = field(default_factory=dict)

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
        """The cluster (`clusters`) or user (`users`) of a context, less what is empty in it; empty where it names
        no user."""
        wanted = self._named(context, section)
        for one in self.document[section]:
            if one["name"] == wanted:
                return {name: value for name, value in one[section[:-1]].items() if value not in (None, "")}
        if section == "users" and not wanted:
            return {}
        raise KubeconfigInvalid(
            f"context `{context}` names the {section[:-1]} `{wanted}`, which is not there",
            where=self._file("contexts", context),
            hint=f"add it to `{section}` of the kubeconfig",
        )

    def place(self, context: str, section: str) -> str:
        """The file and the name of a context's cluster or user, for error messages."""
        wanted = self._named(context, section)
        return f"{self._file(section, wanted)} ({section[:-1]} {wanted})"

    def _named(self, context: str, section: str) -> str:
        entry = next(one["context"] for one in self.document["contexts"] if one["name"] == context)
        return str(entry.get(section[:-1]) or "")

    def _file(self, section: str, name: str) -> str:
        return str(self.files.get((section, name), self.where))


def locations(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where kubectl looks: the files of KUBECONFIG, else ~/.kube/config."""
    named = [Path(one).expanduser() for one in environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    return tuple(named) or (Path.home() / ".kube" / "config",)


def read(paths: Sequence[Path]) -> Kubeconfig:
    """Read and merge; files that are not there are ignored while another is. Raises KubeconfigInvalid."""
    where = os.pathsep.join(str(path) for path in paths)
    there = [path for path in paths if path.exists()]
    if not there:
        raise KubeconfigInvalid(
            "no kubeconfig file is there", where=where, hint="set KUBECONFIG, or give one with --kubeconfig"
        )
    documents = {path: _parse(path) for path in there}
    if not any(documents.values()):
        raise KubeconfigInvalid(
            "the kubeconfig holds no settings",
            where=where,
            hint="write one with `kubectl config set-context`",
        )
    return _merged(documents, where)


def _merged(documents: Mapping[Path, Section], where: str) -> Kubeconfig:
    merged: Section = {"apiVersion": "v1", "kind": "Config", "current-context": ""}
    merged |= {section: [] for section in _SECTIONS}
    files: dict[tuple[str, str], Path] = {}
    for path, document in documents.items():
        merged["current-context"] = merged["current-context"] or document.get("current-context") or ""
        for section in _SECTIONS:
            new = [one for one in document.get(section, ()) if (section, one["name"]) not in files]
            files |= {(section, one["name"]): path for one in new}
            merged[section] += new
    return Kubeconfig(merged, where, files)


def _parse(path: Path) -> Section:
    """The file's sections; nothing where the file is empty, as `touch` leaves it."""
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
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise KubeconfigInvalid(
            "the kubeconfig is not a mapping",
            where=str(path),
            hint="write one with `kubectl config set-context`",
        )
    return loaded | {section: _entries(loaded, section, path) for section in _SECTIONS}


def _entries(document: Section, section: str, path: Path) -> list[Section]:
    """The named entries of a section, with their files relative to the kubeconfig's folder made absolute."""
    entries = document.get(section) or []
    singular = section[:-1]
    names = set[str]()
    for number, one in enumerate(entries if isinstance(entries, list) else [None]):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or not one["name"]:
            raise _wrong(f"{section}[{number}] has no name", path, "give it a name (text)")
        name = one["name"]
        if name in names:
            raise _wrong(f"{section} has `{name}` twice", path, "rename or remove one of them")
        names.add(name)
        one[singular] = {} if one.get(singular) is None else one[singular]
        if not isinstance(one[singular], dict):
            raise _wrong(f"{section}[{number}] `{name}`: its {singular} is not a mapping", path)
        _absolute(one[singular], _FILES.get(section, ()), path.parent)
    return list(entries)


def _wrong(what: str, path: Path, hint: str = "correct this entry") -> KubeconfigInvalid:
    return KubeconfigInvalid(what, where=str(path), hint=hint)


def _absolute(settings: Section, names: Sequence[str], folder: Path) -> None:
    for name in names:
        if settings.get(name):
            settings[name] = str(folder.absolute() / str(settings[name]))
    plugin = settings.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        plugin["command"] = str(folder.absolute() / plugin["command"])
