"""A permit as the gate mints it, for tests of what writers do with one."""

import uuid
from typing import Any

from audit.clock import SystemClock
from policies.permit import Permit, mint_permit
from policies.types import Observation, Principal, Request, Situation, Target


def permit_for(target: Target, mode: Any = "live") -> Permit:
    now_ms = SystemClock().wall_ms()
    request = Request(
        id=uuid.uuid4().hex,
        principal=Principal(agent=None, on_behalf_of="human:anna", session="test"),
        tool="set_resources",
        action="set_resources",
        target=target,
        args={},
        mode=mode,
    )
    seen = Observation(
        target=target,
        at_ms=now_ms,
        uid="u-1",
        resource_version="7",
        generation=1,
        labels={},
        view={},
        view_digest="",
        deltas=(),
        cluster_uid="",
    )
    situation = Situation(now_ms=now_ms, values={}, lease=("test", 1), nonce=uuid.uuid4().hex)
    return mint_permit(request, seen, situation, now_ms + 60_000)
