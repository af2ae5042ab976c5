"""Which flyball.toml counts, and for what.

`--config FILE` alone; else the working folder's over the user's own, setting by setting. A file that lies where one
happens to stand may be anybody's (a cloned repository, an unpacked archive): before the user has trusted exactly
these bytes at this place (flyball.trusted_files) only harmless settings are taken from it, and one that says more is
refused, so that nobody acts under half of what it says.
"""

import logging
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import platformdirs

from base.toml_files import TomlInvalid, parse
from flyball.exits import UsageError
from flyball.trusted_files import trusts

NAME = "flyball.toml"
Standing = Literal["given", "trusted", "not trusted", "own"]
"""Named by --config; in the working folder, trusted or not; in the user's config folder."""

_LOG = logging.getLogger("flyball")
_MAX_BYTES = 1 << 20


class Known(Protocol):
    """What reading a file needs to know of a setting."""

    @property
    def path(self) -> bool: ...
    @property
    def harmless(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Found:
    """One settings file that was read: its text values by name, paths made absolute."""

    path: Path
    standing: Standing
    values: Mapping[str, str]


def found_files(given: Path | None, known: Mapping[str, Known], *, urgent: bool) -> tuple[Found, ...]:
    """The files that count, the first one first. Raises UsageError; `urgent` passes over the working folder's file
    instead, and warns."""
    if given is not None:
        return (Found(given, "given", parsed(given, read(given, plain=False), known)),)
    return tuple(_unnamed(known, urgent))


def _unnamed(known: Mapping[str, Known], urgent: bool) -> Iterator[Found]:
    here = Path(NAME)
    if os.path.lexists(here):
        try:
            yield _of_the_folder(here, known)
        except UsageError as e:
            if not urgent:
                raise
            _LOG.warning("the settings file of the working folder is passed over: %s", e.what)
    own = platformdirs.user_config_path("flyball") / NAME
    if os.path.lexists(own):
        yield Found(own, "own", parsed(own, read(own), known))


def _of_the_folder(path: Path, known: Mapping[str, Known]) -> Found:
    raw = read(path)
    values = parsed(path, raw, known)
    if trusts(path, raw):
        return Found(path, "trusted", values)
    if more := [name for name in values if not known[name].harmless]:
        listed = ", ".join(f"`{name}`" for name in more)
        raise UsageError(
            f"{listed} of a file in the working folder that you have not trusted",
            where=str(path),
            hint="read it, then: flyball config trust   (each change of it is asked for again; or name it: --config)",
        )
    return Found(path, "not trusted", values)


def read(path: Path, *, plain: bool = True) -> bytes:
    """The file's bytes. Raises UsageError where it cannot be read, and for a `plain` one (nobody named it) where it
    is no plain file or another user's, who could say which policy holds and where the model's key goes."""
    try:
        if plain:
            _plain_and_ours(path)
        with open(path, "rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as e:
        raise UsageError(
            f"cannot be read: {e.strerror}", where=str(path), hint="fix the file, or remove it"
        ) from e
    if len(raw) > _MAX_BYTES:
        raise UsageError("is no settings file: larger than 1 MiB", where=str(path), hint="remove it")
    return raw


def _plain_and_ours(path: Path) -> None:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise UsageError("is no plain file", where=str(path), hint="replace it by one, or remove it")
    if found.st_uid not in (os.geteuid(), 0):
        hint = "name it with --config if it is meant"
        raise UsageError("the settings file belongs to another user", where=str(path), hint=hint)


def parsed(path: Path, raw: bytes, known: Mapping[str, Known]) -> dict[str, str]:
    """The file's settings. Raises UsageError for text that is no TOML, or names or values that are no settings."""
    try:
        table = parse(raw)
    except TomlInvalid as e:
        raise UsageError(f"is not TOML: {e}", where=str(path), hint="correct it, or remove the file") from e
    for key, value in table.items():
        if key not in known:
            hint = "settings: " + ", ".join(known)
            raise UsageError(f"`{key}` is not a setting", where=str(path), hint=hint)
        if not isinstance(value, str):
            raise UsageError(f"`{key}` must be a string", where=str(path), hint=f'write {key} = "{value}"')
    folder = path.resolve().parent
    return {key: _placed(folder, value) if known[key].path else value for key, value in table.items()}


def _placed(folder: Path, value: str) -> str:
    """A path beside the file that names it, wherever one stands; `~` is the user's home."""
    return str(folder / os.path.expanduser(value)) if value else ""
