"""The operator's file of receivers (setting `notify`), read strictly: what is not understood is an error.

```toml
[[receiver]]
name = "oncall"
kind = "slack"
url = "https://hooks.slack.com/services/T000/B000/XXXX"
topics = ["pending", "in_doubt", "rolled_back"]    # unset: all

[[receiver]]
name = "records"
kind = "webhook"
url = "https://records.example.com/flyball"
secret_file = "records.secret"
```

Its addresses are credentials (whoever knows a Slack webhook posts to it), so they are never printed whole.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from base.errors import words_of
from base.toml_files import TomlInvalid, load
from flyball.exits import UsageError
from flyball.notify.address import Address, AddressInvalid, parse
from flyball.notify.topics import TOPICS, Topic

_MAX_BYTES = 1 << 20
_MOST = 20
_LEAST_SECRET = 16
_MOST_SECRET = 16 * 1024
_HINT = "correct the file, or take the setting `notify` out; docs/notifications.md shows one"


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"\A[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z")]
    kind: Literal["webhook", "slack"]
    url: Annotated[str, Field(max_length=2048)]
    topics: Annotated[list[Topic], Field(min_length=1)] = Field(default_factory=lambda: list(TOPICS))
    secret_file: str | None = None
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told of what, and where. `ca` is trusted alone where it is set."""

    name: str
    kind: Literal["webhook", "slack"]
    address: Address
    topics: frozenset[Topic]
    secret: bytes = field(repr=False, default=b"")
    ca: Path | None = None


def receivers(setting: str) -> tuple[Receiver, ...]:
    """Those of the file that the setting names; none where it is unset. Raises UsageError with file and key."""
    if not setting:
        return ()
    path = Path(setting)
    table = _table(path)
    written = table.get("receiver", [])
    if set(table) - {"receiver"} or not isinstance(written, list) or len(written) > _MOST:
        raise UsageError(f"it holds [[receiver]] tables only, at most {_MOST}", where=setting, hint=_HINT)
    found = tuple(_receiver(path, number, one) for number, one in enumerate(written, 1))
    if len({one.name for one in found}) < len(found):
        raise UsageError("two receivers have one name", where=setting, hint=_HINT)
    return found


def _table(path: Path) -> dict[str, Any]:
    try:
        return load(path, _MAX_BYTES)
    except TomlInvalid as e:
        raise UsageError(f"no file of receivers: {e}", where=str(path), hint=_HINT) from e


def _receiver(path: Path, number: int, given: object) -> Receiver:
    try:
        one = _Written.model_validate(given)
        address = parse(one.url)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = f"{path}: receiver {number}, {'.'.join(map(str, first['loc'])) or 'table'}"
        raise UsageError(words_of(first), where=where, hint=_HINT) from None
    except AddressInvalid as e:
        raise UsageError(str(e), where=f"{path}: receiver {number}, url", hint=_HINT) from None
    if one.kind == "webhook" and one.secret_file is None:
        what = "a webhook without a secret: its receiver could not tell our messages from anybody's"
        raise UsageError(what, where=f"{path}: receiver {number}", hint="give secret_file")
    secret = _secret(path.parent / one.secret_file) if one.secret_file else b""
    ca = path.parent / one.ca if one.ca else None
    return Receiver(one.name, one.kind, address, frozenset(one.topics), secret, ca)


def _secret(path: Path) -> bytes:
    """The file's bytes without the line end behind them. Raises UsageError, without them."""
    try:
        with path.open("rb") as file:
            secret = file.read(_MOST_SECRET + 1).strip()
    except OSError as e:
        raise UsageError(f"cannot be read: {e.strerror}", where=str(path), hint="check secret_file") from e
    if not _LEAST_SECRET <= len(secret) <= _MOST_SECRET:
        what = f"a secret has {_LEAST_SECRET} to {_MOST_SECRET} bytes"
        raise UsageError(what, where=str(path), hint="make one: openssl rand -hex 32")
    return secret
