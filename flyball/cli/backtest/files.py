"""The files of a backtest: traces in, replicas out, each written whole or not at all."""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from flyball.exits import UsageError

if TYPE_CHECKING:
    from forecasting.backtest.trace import Trace


def read(paths: Sequence[Path], column: str, now_s: int) -> "list[Trace]":
    """The traces of these files. Raises UsageError or BadTrace, with file and line, for one that cannot be used."""
    from flyball.cli.kit import series_files
    from forecasting.backtest.rows import accepts, ordered
    from forecasting.backtest.trace import on_the_minute
    from forecasting.recorded.text import stem

    distinct((stem(path.name), path) for path in paths)
    found = (series_files.read(path, (column,), accepts(now_s)) for path in paths)
    return [on_the_minute(ordered(samples, column)) for samples in found]


def distinct(named: Iterable[tuple[str, Path]]) -> None:
    """Results are named by trace: two of one name would write over each other. Raises UsageError."""
    first: dict[str, Path] = {}
    for name, path in named:
        if name in first:
            what = f"two traces are named `{name}`"
            raise UsageError(what, where=f"{first[name]}, {path}", hint="rename one of them")
        if PurePath(name).name != name:
            raise UsageError(f"`{name}` names no file", where=str(path), hint="rename the column")
        first[name] = path


def check(wanted: Path, traces: Sequence[Path]) -> None:
    """Before anything is played: `wanted`, a file or a folder's file, can be written and is none of the traces.
    Raises UsageError."""
    if wanted.exists() and not wanted.is_file():
        raise UsageError("something that is not a file has that name", where=str(wanted), hint="name a file")
    if wanted.exists() and any(trace.exists() and wanted.samefile(trace) for trace in traces):
        raise UsageError("this would write over a trace", where=str(wanted), hint="name another place")
    above = next(folder for folder in wanted.absolute().parents if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise UsageError("cannot write there", where=str(wanted), hint="name a folder that can be written")


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """`folder/<stem>.csv` for each; none of them is there half. Raises UsageError where it cannot be written."""
    contents = {folder / f"{stem}.csv": text.encode() for stem, text in texts.items()}
    return _put(contents, folder, "name a folder that can be written with --out")


def write_one(path: Path, content: bytes) -> None:
    """One file, whole or not at all. Raises UsageError where it cannot be written."""
    _put({path: content}, path, "name a file in a folder that can be written")


def _put(contents: Mapping[Path, bytes], where: Path, hint: str) -> list[Path]:
    """All are written beside their places before the first takes its own: a full disk leaves what was there."""
    asides: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            asides[path] = _aside(path.parent, content)
        return [aside.replace(path) for path, aside in asides.items()]
    except OSError as e:
        raise UsageError(f"cannot write: {e.strerror}", where=str(where), hint=hint) from e
    finally:
        for aside in asides.values():
            aside.unlink(missing_ok=True)


def _aside(folder: Path, content: bytes) -> Path:
    aside = folder / f".flyball-{secrets.token_hex(6)}"
    try:
        with aside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside
