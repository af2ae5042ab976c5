"""The command line in-process, with a scripted model where a test gives one."""

from tests.agents.conftest import flyball

__all__ = ["flyball"]
