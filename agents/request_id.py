"""Request ids of our own: models reuse `call_1`, so their ids are not unique.

An id is a digest over a canonical JSON list, so that no two inputs run together. The same reply, or the same
step of a run, carried out again after a crash gives the same id, which is what makes it replay-safe.
"""

from policies.types import Target, digest_of


def of_message(thread: str, message: str, index: int) -> str:
    """The id of the `index`-th tool call (from 0) in our message `message` of `thread`."""
    return digest_of(["chat", thread, message, index])[:40]


def of_step(run: str, step: str, target: Target) -> str:
    """The id of what `run` does to `target` in `step`."""
    return digest_of(["run", run, step, target.key])[:40]
