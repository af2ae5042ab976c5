"""A Result as a person reads it. Answer first, evidence below, next command last."""

from typing import TYPE_CHECKING

from flyball.cli.kit.allowed_now import hints
from flyball.cli.kit.instants import local
from flyball.cli.kit.output import Tone, advise, note, safe, tone
from tools.errors import ToolError
from tools.path.outcome import Applied, Failed, Pending, Refused, Result, Simulated, Unknown
from tools.path.requests import parsed

if TYPE_CHECKING:
    from tools.path.rollout_watcher import Settled


def show(result: Result) -> None:
    """Print a result on stdout."""
    for line in lines(result):
        advise(line)
    if getattr(result, "replayed", False):
        note("  this request was decided before; nothing was sent again")


def settled_line(ended: "Settled") -> str:
    """The typed end of waiting: applied, deferred, infeasible, error, superseded or timeout."""
    how: Tone = "good" if ended.state == "applied" else "wait" if ended.state == "deferred" else "bad"
    waited = f"{ended.waited_ms / 1000:.0f} s"
    return f"  settled: {tone(ended.state, how)}   {safe(ended.detail)}   {waited}"


def lines(result: Result) -> list[str]:
    """What a person reads of it."""
    t = result.request.target
    where = f"{t.cluster}/{t.namespace}"
    match result:
        case Applied():
            return _applied(result, where)
        case Simulated():
            return _simulated(result, where)
        case Refused():
            return _refused(result, where)
        case Failed():
            head = f"{where}  {tone('failed', 'bad')}  {_what(result)}"
            return [head, f"  {safe(result.what)}", *_indented(result.hint), f"  record {result.record}"]
        case Pending():
            return _pending(result, where)
        case Unknown():
            head = f"{where}  {tone('IN DOUBT', 'bad')}  {_what(result)}"
            hint = "  do not repeat; see how it ended: flyball audit in-doubt"
            return [f"{head}   {safe(result.why)}", hint, f"  record {result.record}"]


def _applied(result: Applied, where: str) -> list[str]:
    done = "done" if result.status == "applied" else result.status.replace("_", " ")
    ready = f"{result.ready} of {result.replicas} ready" if not result.replayed else "carried out before"
    head = f"{where}  {tone(done, 'wait' if result.partial else 'good')}  {_what(result)}   {ready}"
    rest = [f"  not done: {safe(result.partial)}"] if result.partial else []
    undo = [f"  undo: flyball undo {result.record}"] if not result.unchanged and undoable(result) else []
    due = [f"  verdict due {local(result.due_ms)}"] if result.due_ms else []
    return [head, *rest, *_rules(result), *due, *undo]


def undoable(result: Applied) -> bool:
    """Whether its undo can be asked for at all: what cannot is not suggested (a restart, an unset value)."""
    try:
        spec, args = parsed(result.request)
        spec.inverse(args, result.before["fields"])
    except ToolError:
        return False
    return True


def _simulated(result: Simulated, where: str) -> list[str]:
    head = f"{where}  {tone('would', 'good')}  {_what(result)}"
    found = [head, "  server dry-run   accepted (this object only)", *_rules(result)]
    needs = result.decision.approvals if result.decision else ()
    live = [f"  live, it needs   {n.count} approval from {n.role} ({n.rule})" for n in needs]
    return [*found, *live, f"  record {result.record}"]


def _rules(result: Applied | Simulated) -> list[str]:
    said = result.decision.detail if result.decision else ""
    return [f"  {tone(safe(said), 'dim')}"] if said else []


def _refused(result: Refused, where: str) -> list[str]:
    rule = f"{result.rule}: " if result.rule else ""
    found = [f"{where}  {tone('denied', 'bad')}  {_what(result)}   {rule}{safe(result.detail)}"]
    found += hints(result)
    if result.manual:
        found.append(f"  by hand:     {result.manual}")
    if result.stage == "kill_switch":
        found.append(f"  lift it:     {lifting(result.detail.partition(' is stopped')[0])}")
    if result.stage == "names":
        t, replicas = result.request.target, result.request.args.get("replicas")
        flags = f"-n {t.namespace}" + ("" if replicas is None else f" --replicas {replicas}")
        found.append(f"  why:         flyball policy explain {result.request.action} {t} {flags}")
    return [*found, f"  record {result.record}"]


def _pending(result: Pending, where: str) -> list[str]:
    head = f"{where}  {tone('needs approval', 'wait')}  {_what(result)}   {result.handle}"
    needs = result.decision.approvals if result.decision else ()
    who = "; ".join(f"{n.count} of {n.role} ({n.rule})" for n in needs)
    return [
        f"{head} expires {local(result.expires_ms)}",
        *([f"  from:    {who}"] if who else []),
        f"  yes:     flyball approve {result.handle}",
        f'  no:      flyball deny {result.handle} --reason "…"',
        f"  record {result.record}",
    ]


def _what(result: Result) -> str:
    diff = getattr(result, "diff", "")
    return f"{result.request.action} {result.request.target} {diff}".rstrip()


def _indented(text: str) -> list[str]:
    return [f"  {safe(line)}" for line in text.splitlines()]


def lifting(scope: str) -> str:
    """The command that lets a stopped scope go on: `all`, `cluster/<context>` or `agent:<name>`."""
    if scope.startswith("agent:"):
        return f"flyball agent resume {scope.removeprefix('agent:')}"
    if scope.startswith("cluster/"):
        return f"flyball resume --cluster --context {scope.removeprefix('cluster/')}"
    return "flyball resume"
