"""Settings: flags > `FLYBALL_*` > flyball.toml (flyball.settings_files: which files count, and for what).

`TABLE` is the one list of them: name, default, help. docs/settings.md is held to it by a test.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from flyball.exits import UsageError
from flyball.settings_files import Found, found_files


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. The environment variable is `FLYBALL_` and the name in capitals.

    `path`: a file or folder; in a settings file relative to that file's folder, never to where one stands.
    `harmless`: also taken from a file of the working folder that nobody has trusted.
    `goes_to`: the address that it is sent to; it counts only where both come from one place.
    """

    name: str
    default: str
    help: str
    secret: bool = False
    path: bool = False
    harmless: bool = False
    goes_to: str = ""

    @property
    def variable(self) -> str:
        return "FLYBALL_" + self.name.upper()


TABLE = (
    Setting(
        "context", "", "the cluster: `sandbox`, or a context of the kubeconfig (its current one if unset)"
    ),
    Setting(
        "namespace", "", "the namespace (unset: the context's own; `shop` in the sandbox)", harmless=True
    ),
    Setting("kubeconfig", "", "the kubeconfig file (unset: $KUBECONFIG, then ~/.kube/config)", path=True),
    Setting("state", "", "folder of log, world and threads (unset: the user's state folder)", path=True),
    Setting(
        "policies",
        "",
        "folder of policy files, added to the shipped base (unset: what is shipped; it only observes real clusters)",
        path=True,
    ),
    Setting("base", "yes", "`no`: `policies` stands alone, without the shipped base it is added to"),
    Setting(
        "pinned",
        "",
        "folder for a second copy of signed checkpoints (unset: the user's data folder)",
        path=True,
    ),
    Setting(
        "pinned_write",
        "async",
        "when it is written: `async`, after the acknowledgement, or `sync`, before it (one disk sync more)",
    ),
    Setting(
        "prometheus_url", "", "base URL of Prometheus, e.g. http://127.0.0.1:9090 (unset: metrics.k8s.io)"
    ),
    Setting("prometheus_token", "", "bearer token for it", secret=True, goes_to="prometheus_url"),
    Setting(
        "prometheus_token_file",
        "",
        "file with the bearer token, read again for each question",
        path=True,
        goes_to="prometheus_url",
    ),
    Setting(
        "prometheus_ca",
        "",
        "PEM file of the CA that signed its certificate (unset: the system's CAs)",
        path=True,
    ),
    Setting("prometheus_cert", "", "PEM file of the client certificate for it", path=True),
    Setting("prometheus_key", "", "PEM file of that certificate's key", path=True, goes_to="prometheus_url"),
    Setting("prometheus_tenant", "", "tenant, sent as X-Scope-OrgID (Mimir, Cortex, Thanos)"),
    Setting("metrics", "", "TOML file of PromQL templates (unset: the shipped ones)", path=True),
    Setting("slo", "0.999", "share of requests that shall succeed, for the sentinel's error budgets"),
    Setting(
        "sentinel_every", "", "how often the sentinel looks, 1m to 6h (unset: 5m; in a simulated world 1h)"
    ),
    Setting("prices", "", "TOML file of prices for reports (unset: a table of round figures)", path=True),
    Setting("notify", "", "TOML file of receivers of notifications (unset: nobody is told)", path=True),
    Setting("model_url", "", "base URL of an OpenAI-compatible endpoint, e.g. http://127.0.0.1:11434/v1"),
    Setting("model_name", "", "the model to ask there"),
    Setting(
        "model_key", "", "its API key; an endpoint without keys needs none", secret=True, goes_to="model_url"
    ),
    Setting(
        "model_ca", "", "PEM file of the CA that signed its certificate (unset: the system's CAs)", path=True
    ),
    Setting("model_timeout", "120", "seconds until a reply begins, tries and pauses together"),
    Setting("model_stall", "60", "seconds from one piece of a reply to the next"),
    Setting(
        "model_context", "0", "tokens that the model's context holds, prompt and reply (0: it is asked for)"
    ),
    Setting("model_output_tokens", "4000", "tokens of one reply at most, reasoning included"),
    Setting(
        "model_output_field",
        "",
        "what limits a reply there: max_tokens or max_completion_tokens (unset: by the host, then the other one)",
    ),
)


_GOES_TO = {setting.name: setting.goes_to for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value and where it came from: `flag`, a variable's name, a file's path, or `default`."""

    value: str
    source: str

    @property
    def place(self) -> str:
        """What one person writes at once: the environment is one place, each file is."""
        return "the environment" if self.source.startswith("FLYBALL_") else self.source


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, resolved; `files` are those that were read, the first one counts first."""

    values: Mapping[str, Value]
    files: tuple[Found, ...] = ()

    def __getitem__(self, name: str) -> str:
        """The value. Raises UsageError for a credential whose address comes from another place than itself: who
        can write one of two places must not send there what was written in the other."""
        found, address = self.values[name], _GOES_TO[name]
        if address and found.value and self.values[address].value:
            self._together(name, address)
        return found.value

    def _together(self, name: str, address: str) -> None:
        mine, other = self.values[name].place, self.values[address].place
        if mine != other:
            raise UsageError(
                f"`{name}` is not sent to an address from another place",
                where=f"{name} from {mine}, {address} from {other}",
                hint=f"set both in one place: {name} and {address}",
            )

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`. Raises UsageError."""
        text = self[name]
        if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and low <= int(text) <= high:
            return int(text)
        raise UsageError(
            f"`{text[:40]}` is not a whole number from {low} to {high}",
            where=f"{name} ({self.values[name].source})",
            hint=f'write {name} = "{low}", say',
        )

    @property
    def state(self) -> Path:
        return Path(self["state"]) if self["state"] else platformdirs.user_state_path("flyball")

    @property
    def pinned(self) -> Path:
        return Path(self["pinned"]) if self["pinned"] else platformdirs.user_data_path("flyball") / "pinned"


def load(flags: Mapping[str, str | None], config: Path | None = None, *, urgent: bool = False) -> Settings:
    """Resolve the table. Raises UsageError for a file that is none, that names an unknown setting, or that lies in
    the working folder and says more than a file that nobody trusted may say.

    `urgent` (the kill switch) passes over a file of the working folder that would be refused, and warns.
    """
    files = found_files(config, {s.name: s for s in TABLE}, urgent=urgent)
    return Settings({setting.name: _value(setting, flags, files) for setting in TABLE}, files)


def _value(setting: Setting, flags: Mapping[str, str | None], files: tuple[Found, ...]) -> Value:
    if (flag := flags.get(setting.name)) is not None:
        return Value(flag, "flag")
    if variable := os.environ.get(setting.variable):
        return Value(variable, setting.variable)
    for file in files:
        if setting.name in file.values:
            return Value(file.values[setting.name], str(file.path))
    return Value(setting.default, "default")
