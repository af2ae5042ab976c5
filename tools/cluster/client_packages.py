"""Lets client.py take single modules of the official client, without the whole of it.

Importing any part of a package runs the package's `__init__` first; those of the client import everything that
it has (the blocking client, websockets, OAuth, watches, leader election), which costs more than a request. Here
the three packages are entered without running that. Nothing of the client is changed, and a part that is not
loaded can still be imported. A test holds that these files do nothing but import.
"""

import sys
from importlib.util import find_spec, module_from_spec

PACKAGES = ("kubernetes", "kubernetes.aio", "kubernetes.aio.utils")


def enter() -> None:
    """Put the packages in place, unless they are there already. Parents come first."""
    for name in PACKAGES:
        spec = None if name in sys.modules else find_spec(name)
        if spec is None:
            continue
        package = module_from_spec(spec)
        sys.modules[name] = package
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)


enter()
