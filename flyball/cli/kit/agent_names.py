"""Names of agents on the command line: with or without `agent:`; one that policy does not name is a slip."""

from collections.abc import Collection

from flyball.exits import UsageError


def agent_key(name: str) -> str:
    """`night` as the log and policy know it: `agent:night`."""
    return f"agent:{name.removeprefix('agent:')}"


def known_agent(name: str, agents: Collection[str]) -> str:
    """Its key. Raises UsageError with those that there are."""
    key = agent_key(name)
    if key not in agents:
        known = ", ".join(sorted(agents)) or "none"
        raise UsageError(f"policy names no `{key[:80]}`", hint=f"agents: {known}")
    return key
