"""What waits for a person, named by not naming it: a bare `/approve`."""

from typing import TYPE_CHECKING

from flyball.exits import UsageError

if TYPE_CHECKING:
    from flyball.wiring import App


async def only_waiting(app: "App") -> str:
    """The handle of the one request or plan that waits. Raises UsageError where none does, or several do."""
    found = [one.handle for one in await app.approvals.waiting()]
    found += [one.plan.handle for one in await app.approvals.plans.waiting()]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} wait: {', '.join(found[:8])}" if found else "nothing waits"
    raise UsageError(what, where="/approve", hint="/pending lists what waits; /approve H names one")
