"""Start-up check: the packages must be our own. A stray PYTHONPATH could put another `tools` before them."""

from importlib.util import find_spec
from pathlib import Path

from flyball.exits import UsageError

PACKAGES = ("agents", "audit", "base", "forecasting", "policies", "sandbox", "tools")


def verify() -> None:
    """Raises UsageError where a package would be imported from elsewhere than `flyball` itself."""
    root = Path(__file__).resolve().parents[1]
    for package in PACKAGES:
        spec = find_spec(package)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parents[1] != root:
            raise UsageError(
                f"`{package}` would come from {origin or 'nowhere'}, not from {root}",
                where="PYTHONPATH or the working folder",
                hint="install flyball in an environment of its own (uv tool install), and unset PYTHONPATH",
            )
