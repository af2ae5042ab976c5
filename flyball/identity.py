"""Who the local user is: in local mode the OS user, by uid, never by a variable that a shell can set."""

import os
import pwd
import re

from policies.types import LOCAL_GROUP as LOCAL
from policies.types import AgentName, Principal, Scope


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
    """The OS user of this process; agents act for nobody else here, but by a schedule."""

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

    def scheduled(self, name: AgentName, owner: str, task: Scope, session: str) -> Principal:
        """An agent that runs by its schedule, for its owner as policy has them (`local`: the OS user). The gate asks
        at each request whether the policy in force still has this agent with a schedule and this owner; the owner's
        rights are those that policy gives by name, since nobody knows here which groups they are in."""
        human = self.human if owner == "local" else owner
        return Principal(
            agent=name,
            on_behalf_of=human,
            groups=self._groups(human),
            session=session,
            task=task,
            scheduled=True,
        )

    def _groups(self, human: str) -> tuple[str, ...]:
        return (LOCAL,) if human == self.human else ()

    def named(self, who: str, task: Scope) -> Principal:
        """Whom `local`, `agent:NAME` or `human:NAME` means in a question: the person here, as `by_hand` has them; an
        agent that acts for them; or somebody else, whose groups nobody knows here."""
        if who in ("local", self.human):
            return self.by_hand()
        if who.startswith("agent:"):
            return self.agent(who, task)
        return Principal(agent=None, on_behalf_of=who, groups=(), session=self.session)

    def refuses(self, principal: Principal) -> str | None:
        """Why the principal cannot be who it says; None where it is the OS user of this process, or where it says to
        run by a schedule: then the gate asks policy for whom."""
        if principal.on_behalf_of is None:
            return "no human is behind it"
        if not principal.scheduled and principal.on_behalf_of != self.human:
            return f"this process runs as {self.human}, not {principal.on_behalf_of}"
        if principal.groups != self._groups(principal.on_behalf_of):
            return "its groups are not those of a local user"
        return None
