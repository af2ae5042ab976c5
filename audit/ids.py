"""UUIDv7 (RFC 9562, section 5.7): ids that sort by time, so that an index grows at its end."""

import os

_VARIANT = {digit: f"{int(digit, 16) & 0x3 | 0x8:x}" for digit in "0123456789abcdef"}


def uuid7(unix_ms: int) -> str:
    """A new id whose first 48 bits are `unix_ms`; the other 74 free bits are random."""
    time, chance = f"{unix_ms & 0xFFFF_FFFF_FFFF:012x}", os.urandom(10).hex()
    variant = _VARIANT[chance[3]] + chance[4:7]
    return f"{time[:8]}-{time[8:]}-7{chance[:3]}-{variant}-{chance[8:]}"
