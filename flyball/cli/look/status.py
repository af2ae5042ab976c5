"""`flyball status`: is anything waiting for me, is anything in doubt, is the log whole."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from flyball.cli.kit.away import as_json
from flyball.cli.kit.instants import instant
from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, safe, say, tone
from flyball.cli.kit.render import lifting
from flyball.cli.serve.show import summary
from flyball.exits import Exit, Stop

if TYPE_CHECKING:
    from flyball.wiring import App
    from policies.errors import PolicyInvalid
    from tools.path.kill_switch import Stopped
    from tools.path.stop_files import StopFile
    from tools.path.verifier import Awaited

app = typer.Typer()


@app.command()
@command
def status(opts: Options) -> None:
    """Show context, kill switch, what waits, what is in doubt, the log. Example: flyball status"""

    async def work(app: "App") -> None:
        facts = await _facts(app)
        if opts.json:
            document({"kind": "Status", **facts})
        else:
            _print(facts)
        if facts["in_doubt"]:
            raise Stop(Exit.IN_DOUBT)
        if facts["policy_problem"]:
            raise Stop(Exit.USAGE)

    opts.run(work, for_log=True)


async def _facts(app: "App") -> dict[str, Any]:
    from flyball.service.ask import services
    from tools.path.kill_switch import stopped

    context = app.context
    gate = await context.gate()
    off = await stopped(context)
    return {
        "context": app.place.context,
        "namespace": app.place.namespace,
        "cluster_uid": context.cluster.uid or None,
        "server": context.cluster.server or None,
        **as_json(app),
        "person": app.identity.human,
        "policy_sha256": gate.snapshot.digest,
        "policy_problem": _problem(context.policy.problem),
        "stopped": [switch.scope for switch in off],
        "stopped_by": await _stops(app, off),
        "waiting": [w.handle for w in await app.approvals.waiting()],
        "in_doubt": [e.seq for e in await app.executor.resolver.open_intents()],
        "serving": await services(app.place.folder, app.place.context, "/standing"),
        "verifying": [_owed(one) for one in await app.verifier.awaited()],
        "agents": sorted(gate.snapshot.agents),
        "metrics": app.toolbox.reads(app.identity.by_hand()).source,
        "log": str(app.place.log),
        "pinned_problem": app.log.pinned_error,
        "pinned_gap": await _newest_gap(app),
        "records": (await app.log.find(newest_first=True, limit=1))[0].seq + 1,
    }


def _problem(problem: "PolicyInvalid | None") -> str | None:
    first = problem.problems[0] if problem else None
    return f"{first.where}: {first.what}" if first else None


def _owed(one: "Awaited") -> dict[str, Any]:
    due = None if one.judged else instant(one.due_ms)
    return {"record": one.intent.seq, "owed": "rollback" if one.judged else "verdict", "due": due}


async def _stops(app: "App", off: "list[Stopped]") -> dict[str, dict[str, Any]]:
    """For each scope that is stopped: by whom, when and why, by the newest record of its switch or its stop file."""
    found = {switch.scope: _by_file(switch.file) for switch in off if switch.file}
    scopes = {switch.scope for switch in off}
    for entry in await app.log.find(kinds=("killswitch",), newest_first=True, limit=200):
        record, labels = entry.record, entry.record.labels or {}
        scope = labels.get("scope", "")
        if scope in scopes and scope not in found and labels.get("state") == "stopped":
            found[scope] = {
                "by": record.actor.id,
                "at": record.ts,
                "reason": record.reason,
                "record": entry.seq,
            }
    return found


async def _newest_gap(app: "App") -> dict[str, Any] | None:
    """The last time that the pinned checkpoint was found missing, damaged or behind; None where it never was."""
    for entry in await app.log.find(kinds=("pinned.anomaly",), newest_first=True, limit=1):
        return {"record": entry.seq, "at": entry.record.ts, "what": entry.record.reason}
    return None


def _by_file(file: "StopFile") -> dict[str, Any]:
    told = {name: str(file.told.get(name, "")) for name in ("by", "at", "reason")}
    return {**told, "record": None, "stop_file": str(file.path)}


def _stopped(facts: dict[str, Any], scope: str) -> list[str]:
    """The scope, how it is lifted, and who stopped it why."""
    lines = [tone(safe(f"stopped: {scope}   {lifting(scope)}"), "bad")]
    told = facts["stopped_by"].get(scope)
    if told is not None:
        why = f": {safe(told['reason'])}" if told["reason"] else ", without a reason"
        where = (
            f"stop file {safe(told['stop_file'])}" if told["record"] is None else f"record {told['record']}"
        )
        lines.append(f"by {safe(told['by'] or 'somebody')} at {_local(told['at'])}{why}   {where}")
    return lines


def _local(ts: str) -> str:
    """A time in the local zone; a stop file may hold none, or one that no calendar has there."""
    try:
        return f"{datetime.fromisoformat(ts).astimezone():%Y-%m-%d %H:%M %Z}"
    except (ValueError, OverflowError):
        return "an unknown time"


def _cluster(facts: dict[str, Any]) -> str:
    """Which cluster it is; what is known of one that is away is its pin."""
    uid = facts["cluster_uid"]
    known = f"{facts['server']}  cluster {uid[:8]}" if uid else "cluster not seen yet"
    return f"{known}  {tone('away', 'bad')}" if facts["cluster_away"] else known


def _print(facts: dict[str, Any]) -> None:
    say(f"{facts['context']}/{facts['namespace']}  {_cluster(facts)}")
    say(f"person       {facts['person']}")
    _print_open(facts)
    _print_policy(facts)
    advise(f"metrics      {facts['metrics']}   flyball metrics check")
    _print_log(facts)


def _print_open(facts: dict[str, Any]) -> None:
    """What is stopped, waits, is in doubt or is owed."""
    off = facts["stopped"]
    switches = [line for scope in off for line in _stopped(facts, scope)] or ["running"]
    for title, line in zip(["kill switch", *[""] * len(switches)], switches, strict=False):
        advise(f"{title:<11}  {line}")
    handles = facts["waiting"]
    advise(f"waiting      {tone(' '.join(handles) + '   flyball pending', 'wait') if handles else 'nothing'}")
    doubt = facts["in_doubt"]
    records = "record " + ", ".join(map(str, doubt))
    advise(f"in doubt     {tone(records + '   flyball audit in-doubt', 'bad') if doubt else 'nothing'}")
    advise(f"serve        {summary(facts['serving'])}")
    for one in facts["verifying"]:
        due = f" due {_local(one['due'])}" if one["due"] else ""
        say(f"owed         {one['owed']} of record {one['record']}{due}")


def _print_policy(facts: dict[str, Any]) -> None:
    if problem := facts["policy_problem"]:
        say(f"policy       {tone('does not load, so nothing is allowed', 'bad')}: {safe(problem)}")
    else:
        say(f"policy       {facts['policy_sha256'][:8]}")
    say(f"agents       {', '.join(a.removeprefix('agent:') for a in facts['agents']) or 'none'}")


def _print_log(facts: dict[str, Any]) -> None:
    advise(f"log          {facts['records']} records, {facts['log']}   flyball audit verify")
    if problem := facts["pinned_problem"]:
        say(f"             {tone('its newest checkpoint is not stored', 'bad')}: {safe(problem)}")
    if gap := facts["pinned_gap"]:
        say(f"             {safe(gap['what'])}   at {_local(gap['at'])}, record {gap['record']}")
