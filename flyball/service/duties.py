"""The one list of duties. Each part adds its own with one line here."""

from flyball.notify.duty import NotificationsDuty
from flyball.notify.receivers import receivers
from flyball.service.duty import Duty
from flyball.service.loop import LoopDuty
from flyball.service.schedules import SchedulesDuty
from flyball.service.sweeps import ResolverDuty, VerifierDuty
from flyball.service.watch import EventsDuty, SentinelDuty
from flyball.tuning_pass import scheduled_run
from flyball.wiring import App


def duties_of(app: App) -> list[Duty]:
    """Every duty of an opened installation, in the order in which those that are due at one moment run in a world."""
    told = receivers(app.settings["notify"])
    return [
        ResolverDuty(app),
        VerifierDuty(app),
        EventsDuty(app),
        SchedulesDuty(app, scheduled_run),
        LoopDuty(app),
        SentinelDuty(app),
        *([NotificationsDuty(app.context, told)] if told else []),
    ]
