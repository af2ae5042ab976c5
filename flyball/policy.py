"""Which policy files are in force, and the source that reads them. Questions to the policy need no more than this."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from flyball import __version__
from flyball.exits import UsageError
from flyball.place import SANDBOX, Place
from flyball.policy_cache import policy_cache
from flyball.settings import Settings
from policies.source import PolicySource
from tools.actions import registry

if TYPE_CHECKING:
    from policies.unknown_names import Known


@dataclass(frozen=True, slots=True)
class PolicyPaths:
    """The operator's files or folders, and the shipped files that they are added to. `source`: who named them."""

    given: tuple[Path, ...]
    base: tuple[Path, ...]
    source: str

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Each path, and why it is read."""
        added = [(str(path), "shipped base") for path in self.base]
        return [*added, *((str(path), self.source) for path in self.given)]


def shipped(name: str) -> Path:
    """A file or folder of the policies package."""
    return Path(str(resources.files("policies") / name))


def policy_paths(settings: Settings) -> PolicyPaths:
    """The operator's folder added to the shipped base; without one, all that is shipped. Raises UsageError."""
    given, with_base = settings["policies"], settings["base"]
    if with_base not in ("yes", "no"):
        raise UsageError(f"`{with_base}` is neither yes nor no", where="base", hint="base = yes, or no")
    if not given and with_base == "no":
        hint = "give --policies DIR, or leave --no-base out"
        raise UsageError("without the shipped base there is no policy", hint=hint)
    if not given:
        return PolicyPaths((shipped("default"),), (), "shipped")
    path = Path(given)
    if not path.exists():
        hint = "give --policies DIR, or leave it out; flyball policy init DIR writes one"
        raise UsageError("no such folder of policies", where=given, hint=hint)
    base = (shipped("default/base.yaml"),) if with_base == "yes" else ()
    return PolicyPaths((path,), base, f"policies, from {settings.values['policies'].source}")


def policy_source(settings: Settings, place: Place, *, closed: bool = False) -> PolicySource:
    """The policy, read again whenever its files change. Raises UsageError, and PolicyInvalid; with `closed` nothing
    is allowed instead while it does not load."""
    paths = policy_paths(settings)
    return PolicySource(
        paths.given,
        catalogue=registry.catalogue(),
        clusters=sorted({SANDBOX, place.context}),
        cache=policy_cache(place.folder, settings.pinned, f"flyball {__version__}"),
        base=paths.base,
        closed=closed,
    )


def policy_for(settings: Settings, clusters: Sequence[str]) -> PolicySource:
    """The policy as it is for clusters of these names: neither kubeconfig nor state folder is looked at, so that it
    can be asked anywhere. Raises PolicyInvalid, UsageError."""
    paths = policy_paths(settings)
    return PolicySource(paths.given, catalogue=registry.catalogue(), clusters=clusters, base=paths.base)


def known_names() -> "Known":
    """What a policy can name beside actions and clusters, for its lint."""
    from agents.tuner.strategies import ALIASES, STRATEGIES
    from policies.unknown_names import Known
    from tools.cluster.kinds import LOOKED_AT
    from tools.cluster_types import LISTED

    kinds = (*LOOKED_AT, "event", "namespace", "secret")
    return Known(strategies=(*STRATEGIES, *ALIASES), tuned=LISTED, kinds=kinds)
