"""Which policy files are in force, and the source that reads them. Questions to the policy need no more than this."""

from importlib import resources
from pathlib import Path

from flyball import __version__
from flyball.exits import UsageError
from flyball.place import SANDBOX, Place
from flyball.policy_cache import policy_cache
from flyball.settings import Settings
from policies.source import PolicySource
from tools.actions import registry


def policy_paths(settings: Settings) -> tuple[Path, ...]:
    """The operator's folder, else the shipped policies."""
    if given := settings["policies"]:
        path = Path(given)
        if not path.exists():
            raise UsageError(
                "no such folder of policies", where=given, hint="give --policies DIR, or leave it out"
            )
        return (path,)
    return (Path(str(resources.files("policies") / "default")),)


def policy_source(settings: Settings, place: Place) -> PolicySource:
    """The policy, read again whenever its files change. Raises PolicyInvalid, UsageError."""
    clusters = sorted({SANDBOX, place.context})
    cache = policy_cache(place.folder, settings.pinned, f"flyball {__version__}")
    return PolicySource(
        policy_paths(settings), catalogue=registry.catalogue(), clusters=clusters, cache=cache
    )
