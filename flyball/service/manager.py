"""What a service manager is told (systemd's sd_notify protocol), where there is one."""

import os
import socket
from contextlib import suppress


def tell(*lines: str) -> None:
    """Send lines such as `READY=1` to the manager that started this process; nothing where none did, or none listens.
    The address is the manager's own, from NOTIFY_SOCKET; a leading `@` means Linux's abstract names."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as there:
        there.connect(name)
        there.sendall("\n".join(lines).encode())
