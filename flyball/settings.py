"""Settings: flags > `FLYBALL_*` > flyball.toml (given, else the working folder, else the user's config folder).

`TABLE` is the one list of them: name, default, help. docs/settings.md is held to it by a test.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from flyball.exits import UsageError


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. The environment variable is `FLYBALL_` and the name in capitals."""

    name: str
    default: str
    help: str
    secret: bool = False

    @property
    def variable(self) -> str:
        return "FLYBALL_" + self.name.upper()


TABLE = (
    Setting(
        "context", "", "the cluster: `sandbox`, or a context of the kubeconfig (its current one if unset)"
    ),
    Setting("namespace", "", "the namespace (unset: the context's own; `shop` in the sandbox)"),
    Setting("kubeconfig", "", "the kubeconfig file (unset: $KUBECONFIG, then ~/.kube/config)"),
    Setting("state", "", "folder of log, world and threads (unset: the user's state folder)"),
    Setting(
        "policies", "", "folder of policy files (unset: the shipped ones, which only observe real clusters)"
    ),
    Setting("pinned", "", "folder for a second copy of signed checkpoints (unset: the user's data folder)"),
    Setting(
        "prometheus_url", "", "base URL of Prometheus, e.g. http://127.0.0.1:9090 (unset: metrics.k8s.io)"
    ),
    Setting("prometheus_token", "", "bearer token for it", secret=True),
    Setting("prometheus_token_file", "", "file with the bearer token, read again for each question"),
    Setting("prometheus_ca", "", "PEM file of the CA that signed its certificate (unset: the system's CAs)"),
    Setting("prometheus_cert", "", "PEM file of the client certificate for it"),
    Setting("prometheus_key", "", "PEM file of that certificate's key"),
    Setting("prometheus_tenant", "", "tenant, sent as X-Scope-OrgID (Mimir, Cortex, Thanos)"),
    Setting("metrics", "", "TOML file of PromQL templates (unset: the shipped ones)"),
    Setting("model_url", "", "base URL of an OpenAI-compatible endpoint, e.g. http://127.0.0.1:11434/v1"),
    Setting("model_name", "", "the model to ask there"),
    Setting("model_key", "", "its API key; an endpoint without keys needs none", secret=True),
)


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value and where it came from."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved."""

    values: Mapping[str, Value]

    def __getitem__(self, name: str) -> str:
        return self.values[name].value

    @property
    def state(self) -> Path:
        return Path(self["state"]) if self["state"] else platformdirs.user_state_path("flyball")

    @property
    def pinned(self) -> Path:
        return Path(self["pinned"]) if self["pinned"] else platformdirs.user_data_path("flyball") / "pinned"


def load(flags: Mapping[str, str | None], config: Path | None = None) -> Settings:
    """Resolve the table. Raises UsageError for a file that is none or that names an unknown setting."""
    path, file = _file(config)
    found: dict[str, Value] = {}
    for setting in TABLE:
        if (flag := flags.get(setting.name)) is not None:
            found[setting.name] = Value(flag, "flag")
        elif variable := os.environ.get(setting.variable):
            found[setting.name] = Value(variable, setting.variable)
        elif setting.name in file:
            found[setting.name] = Value(file[setting.name], str(path))
        else:
            found[setting.name] = Value(setting.default, "default")
    return Settings(found)


def _file(given: Path | None) -> tuple[Path | None, dict[str, str]]:
    candidates = (
        [given]
        if given
        else [Path("flyball.toml"), platformdirs.user_config_path("flyball") / "flyball.toml"]
    )
    for path in candidates:
        if given:
            return path, _parse(path)
        if path.is_file():
            _ours(path)
            return path, _parse(path)
    return None, {}


def _ours(path: Path) -> None:
    """A file that nobody named counts only if it is the user's (or root's): it can say which policy holds,
    where the log is, and which endpoint gets the model's key. Raises UsageError."""
    if path.stat().st_uid not in (os.geteuid(), 0):
        hint = "name it with --config if it is meant"
        raise UsageError("the settings file belongs to another user", where=str(path), hint=hint)


def _parse(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise UsageError(str(e), where=str(path), hint="fix the file, or remove --config") from e
    names = [s.name for s in TABLE]
    for key, value in table.items():
        if key not in names:
            raise UsageError(
                f"`{key}` is not a setting", where=str(path), hint="settings: " + ", ".join(names)
            )
        if not isinstance(value, str):
            raise UsageError(f"`{key}` must be a string", where=str(path), hint=f'write {key} = "{value}"')
    return table
