"""At start-up: the rooms must be our own. A stray PYTHONPATH could put another `tools` before them."""

from importlib.util import find_spec
from pathlib import Path

from flyball.exits import UsageError

ROOMS = ("agents", "audit", "base", "forecasting", "policies", "sandbox", "tools")


def verify() -> None:
    """Raises UsageError where a room would be imported from elsewhere than `flyball` itself."""
    root = Path(__file__).resolve().parents[1]
    for room in ROOMS:
        spec = find_spec(room)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parents[1] != root:
            raise UsageError(
                f"`{room}` would come from {origin or 'nowhere'}, not from {root}",
                where="PYTHONPATH or the working folder",
                mend="install flyball in an environment of its own (uv tool install), and unset PYTHONPATH",
            )
