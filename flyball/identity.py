"""Who the local user is: in local mode the OS user, by uid, never by a variable that a shell can set."""

import os
import pwd
import re

from policies.types import AgentName, Principal, Scope

LOCAL = "group:local"


def os_user() -> str:
    """`human:<login name of the effective uid>`; a uid without an entry is `human:uid-<n>`."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid-{uid}"
    return "human:" + re.sub(r"[^-.@A-Za-z0-9_]", "_", name)[:128]


def terminal() -> str:
    """The controlling terminal's name, or `notty`; part of the session's name in the log."""
    for stream in (0, 1, 2):
        try:
            return os.ttyname(stream).removeprefix("/dev/").replace("/", "-")
        except OSError:
            continue
    return "notty"


class LocalIdentity:
    """The OS user of this process; agents act for nobody else here."""

    def __init__(self) -> None:
        self.human = os_user()
        self.session = f"{terminal()}-{os.getpid()}"

    def by_hand(self) -> Principal:
        """The person acting directly."""
        return Principal(agent=None, on_behalf_of=self.human, groups=(LOCAL,), session=self.session)

    def agent(self, name: AgentName, task: Scope, session: str | None = None) -> Principal:
        """An agent acting for the person within a task."""
        return Principal(
            agent=name, on_behalf_of=self.human, groups=(LOCAL,), session=session or self.session, task=task
        )

    def named(self, who: str, task: Scope) -> Principal:
        """Whom `local`, `agent:NAME` or `human:NAME` means in a question: the person here, as `by_hand` has them; an
        agent that acts for them; or somebody else, whose groups nobody knows here."""
        if who in ("local", self.human):
            return self.by_hand()
        if who.startswith("agent:"):
            return self.agent(who, task)
        return Principal(agent=None, on_behalf_of=who, groups=(), session=self.session)

    def refuses(self, principal: Principal) -> str | None:
        """Why the principal cannot be who it says; None where it is the OS user of this process."""
        if principal.on_behalf_of is None:
            return "no human is behind it"
        if principal.on_behalf_of != self.human:
            return f"this process runs as {self.human}, not {principal.on_behalf_of}"
        if principal.groups != (LOCAL,):
            return "its groups are not those of a local user"
        return None
