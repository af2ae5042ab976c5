"""What can go wrong with jobs. None of these has changed anything in a cluster."""

from base.errors import FlyballError


class JobsUnavailable(FlyballError):
    """The store of jobs cannot be used: nothing was queued, begun or ended."""

    effect = "unavailable"


class ScheduleInvalid(FlyballError):
    """Not a cron expression of five fields, not an IANA time zone, or a time that never comes."""

    effect = "usage"


class LeaseLost(FlyballError):
    """Another worker has taken the run over meanwhile: what this one has to say about it no longer counts."""
