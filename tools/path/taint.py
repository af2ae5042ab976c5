"""The taint flag of a session that has read untrusted text, on its later requests."""

from policies.guards.taint import key
from policies.types import Request
from tools.path.context import Context


async def marked(context: Context, request: Request) -> Request:
    """The request, tainted where its agent's session is; a person's by hand never is.

    A call that is repeated after a crash stays the request that it was before the session was tainted: else it
    would not be known as the same one. Nothing hangs on that: the gate looks at the log's mark by itself.
    """
    name = key(request)
    if name is None or not (await context.log.values((name,)))[name]:
        return request
    known = await context.log.by_request(request.id)
    if any(entry.record.request_digest == request.digest for entry in known):
        return request
    return request.model_copy(update={"tainted": True})
