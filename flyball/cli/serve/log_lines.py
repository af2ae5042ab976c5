"""A service's own words on stderr: one line an event, with its time and level, as text or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

from flyball.cli.kit.output import safe

_LEVELS = {"WARNING": "warn", "ERROR": "error", "CRITICAL": "error"}


class _Line(logging.Formatter):
    """What others wrote is made harmless; a text of several lines stays one event."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told = {"ts": at.replace("+00:00", "Z"), "level": _LEVELS.get(record.levelname, "info")}
        message = record.getMessage()
        if self._json:
            return json.dumps({**told, "message": message})
        return f"{told['ts']} {told['level']:<5} {safe(' '.join(message.split()))}"


def log_lines(*, as_json: bool) -> None:
    """From now on the program's log goes to stderr in such lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(as_json=as_json))
    log = logging.getLogger("flyball")
    log.handlers, log.level = [handler], logging.INFO
