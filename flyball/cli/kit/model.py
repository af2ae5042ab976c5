"""The model that the settings name, for every command that asks one."""

from typing import TYPE_CHECKING

from flyball.cli.kit.options import Options
from flyball.exits import UsageError

if TYPE_CHECKING:
    from agents.models.endpoint import Endpoint


def endpoint_of(opts: Options) -> "Endpoint":
    """The model that the settings name; without one, how to connect one, before anything is opened."""
    from agents.errors import ModelMissing
    from flyball.model_endpoint import endpoint

    found = endpoint(opts.settings)
    try:
        found.check()
    except ModelMissing as e:
        raise UsageError(e.what, where=e.where, hint=e.hint) from e
    return found
