"""Where the parsed policy is stored: beside the log, its key with the pinned checkpoints, each private to this user.

Two folders, so that who can write one of them forges nothing. A file that somebody else could have written is passed
over (flyball.private_file) and, where possible, replaced. Without a cache the policy is parsed.
"""

import secrets
from pathlib import Path

from flyball.private_file import PrivateFile
from policies.parsed_cache import KEY_BYTES, ParsedCache

_KEY = "policy-cache.key"
_CACHE = "policy.cache"


def policy_cache(folder: Path, keys: Path, software: str) -> ParsedCache | None:
    """The cache in `folder` under the key in `keys`; None where no key can be kept, or both lie in one place."""
    one, other = folder.resolve(), keys.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        return None
    key = _key(PrivateFile(keys / _KEY))
    return ParsedCache(PrivateFile(folder / _CACHE), key, software) if key else None


def _key(file: PrivateFile) -> bytes | None:
    """The key, made at first use. Read again after writing: of two processes that make one, the last one's counts."""
    found = file.load()
    if found is None or len(found) != KEY_BYTES:
        file.save(secrets.token_bytes(KEY_BYTES))
        found = file.load()
    return found if found is not None and len(found) == KEY_BYTES else None
