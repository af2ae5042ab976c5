"""Prompts are Markdown files beside this one; `$name` marks what is filled in."""

from importlib.resources import files
from string import Template


def load(name: str, **values: str) -> str:
    """The prompt `name` with its places filled. Raises KeyError for a place without a value."""
    return Template((files(__name__) / f"{name}.md").read_text(encoding="utf-8")).substitute(values).strip()
