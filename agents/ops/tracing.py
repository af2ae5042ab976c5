"""No part of a conversation leaves the process except through the model client.

LangGraph brings LangSmith along, which uploads whole runs when a user's shell happens to set
LANGSMITH_TRACING or LANGCHAIN_TRACING_V2; and LANGCHAIN_TRACING alone makes it raise.
"""

import os

import langsmith


def off() -> None:
    """Switch tracing off for this process, whatever the environment says."""
    for name in ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER"):
        os.environ.pop(name, None)
    langsmith.configure(enabled=False)
