"""Suggested commands work as printed: they carry the common options that this command was given.

What comes from the environment or a settings file holds for the next command too, and is not repeated.
"""

import re
import shlex
from collections.abc import Mapping

CARRIED = {
    "context": "--context",
    "namespace": "-n",
    "kubeconfig": "--kubeconfig",
    "state": "--state",
    "policies": "--policies",
    "config": "--config",
}
_SWITCHES = {"no_base": "--no-base"}
_COMMAND = re.compile(r"\bflyball (?=[a-z])(?!itself\b)")
_ENDS = re.compile(r"  |[`;)]|, |$")
_given: dict[str, str] = {}
"""The option, and how it is written."""


def remember(given: Mapping[str, object]) -> None:
    """The common options as they were given to the command that runs now; forgets those of the one before."""
    _given.clear()
    said = {
        flag: f"{flag} {shlex.quote(str(given[name]))} " for name, flag in CARRIED.items() if given.get(name)
    }
    _given.update(said | {flag: f"{flag} " for name, flag in _SWITCHES.items() if given.get(name)})


def placed(text: str) -> str:
    """Each suggested command in the text with the options that it needs, where it does not say them itself."""
    return _COMMAND.sub(lambda found: found[0] + _flags(text, found.end()), text) if _given else text


def _flags(text: str, at: int) -> str:
    command = text[at : _ENDS.search(text, at).start()]  # type: ignore[union-attr]
    return "".join(said for flag, said in _given.items() if f" {flag} " not in f"{command} ")
