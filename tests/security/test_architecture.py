"""Threat 26: a second way to the cluster, to the log or to an approval. Architecture is a failing test.

Import contracts (pyproject.toml) hold who may import whom; the checks here hold what an import graph cannot see:
who calls the writer, who makes one, who mints a permit, who commits. Each of both is shown to fail on a violation.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "audit", "base", "flyball", "forecasting", "policies", "sandbox", "tools")
Found = Iterator[str]


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(_parsed())


def _parsed() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"), str(path))


def _calls(tree: ast.AST, *names: str) -> Found:
    """Calls of an attribute or name, and the bare attribute too: a bound method can be carried away."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names:
            yield f"{ast.unparse(node)} in line {node.lineno}"
        elif isinstance(node, ast.Name) and node.id in names:
            yield f"{node.id} in line {node.lineno}"


def _called(tree: ast.AST, *names: str) -> Found:
    """Calls of a method of that name, where other things bear the name too (a pod's `resize` is its state)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield f"{ast.unparse(node.func)} in line {node.lineno}"


def _mentions(tree: ast.AST, *names: str) -> Found:
    """The names in any form: imported, aliased, read off a module, or spelt out for `getattr`."""
    yield from _calls(tree, *names)
    for node in ast.walk(tree):
        if isinstance(node, ast.alias) and node.name.rpartition(".")[2] in names:
            yield f"import of {node.name}"
        elif isinstance(node, ast.Constant) and node.value in names:
            yield f"'{node.value}' in line {node.lineno}"


def _commits(tree: ast.AST) -> Found:
    """`….log.commit`, and every other mention of a `commit`, also carried away unbound: whatever the log is called.
    Left out is a call with nothing to store, as a database's own is."""
    yield from _attributes(tree, r"\blog\.commit$")
    bare = {n.func for n in ast.walk(tree) if isinstance(n, ast.Call) and not n.args and not n.keywords}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "commit" and node not in bare:
            yield f"{ast.unparse(node)} in line {node.lineno}"


_AWAY = re.compile(
    r"(subprocess|pty|socket|ftplib|smtplib|http\.client|urllib\.request|requests|httpx2?|urllib3|websockets)(\.|$)"
)
_AWAY_BY_NAME = re.compile(
    r"\b(os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*)|create_subprocess_\w+|open_connection)$"
)


def _leaves(tree: ast.AST) -> Found:
    """Ways out of the process that are none of the adapters': `kubectl`, raw HTTP, sockets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if _AWAY.match(a.name))
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{a.name}" for a in node.names]
            yield from (name for name in names if _AWAY.match(name) or _AWAY_BY_NAME.search(name))
        elif isinstance(node, ast.Attribute) and _AWAY_BY_NAME.search(ast.unparse(node)):
            yield ast.unparse(node)


def _attributes(tree: ast.AST, pattern: str) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.search(pattern, ast.unparse(node)):
            yield f"{ast.unparse(node)} in line {node.lineno}"


def _drafts(tree: ast.AST, *kinds: str) -> Found:
    """Records of these kinds being made, by whatever name the maker goes."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        values = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "kind")]
        if any(isinstance(v, ast.Constant) and v.value in kinds for v in values):
            yield f"{ast.unparse(node.func)} in line {node.lineno}"


def _dynamic(tree: ast.AST) -> Found:
    """What would go round every check here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in ("eval", "exec", "__import__"):
            yield f"{node.id} in line {node.lineno}"
        elif isinstance(node, ast.Attribute) and node.attr in (
            "import_module",
            "__subclasses__",
            "get_objects",
        ):
            yield f"{node.attr} in line {node.lineno}"
        elif isinstance(node, ast.alias) and node.name in ("import_module", "importlib", "gc"):
            yield f"import of {node.name}"


_OWN = ("self", "cls")
_SPECIAL = re.compile(r"__\w+__")


def _private(tree: ast.AST) -> Found:
    """Private parts of others: what is behind an underscore is for its own object only."""
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Attribute)
            or not node.attr.startswith("_")
            or _SPECIAL.fullmatch(node.attr)
        ):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in _OWN):
            yield f"{ast.unparse(node)} in line {node.lineno}"


_INNARDS = frozenset(
    [
        "__bases__",
        "__builtins__",
        "__class__",
        "__closure__",
        "__code__",
        "__context__",
        "__dict__",
        "__func__",
        "__getattribute__",
        "__globals__",
        "__mro__",
        "__self__",
        "__traceback__",
        "__wrapped__",
        "_current_frames",
        "_getframe",
        "ag_frame",
        "all_tasks",
        "attrgetter",
        "cr_await",
        "cr_frame",
        "current_task",
        "f_back",
        "f_globals",
        "f_locals",
        "get_context",
        "get_coro",
        "get_loop",
        "get_referents",
        "get_referrers",
        "get_running_loop",
        "get_stack",
        "gi_frame",
        "tb_frame",
        "tb_next",
    ]
)
_REFLECTION = frozenset(
    [
        "__builtins__",
        "__import__",
        "compile",
        "delattr",
        "dir",
        "eval",
        "exec",
        "globals",
        "locals",
        "open",
        "setattr",
        "vars",
    ]
)
_READERS_IMPORT = re.compile(
    r"(asyncio|collections|collections\.abc|dataclasses|datetime|enum|functools|json|math|pydantic|re|statistics|typing"
    r"|base\..*|policies\.types"
    r"|tools\.(actions|arguments|envelope_text|resource_arguments|scale_point|cluster_types|diagnosis|errors|spec)(\..*)?"
    r"|tools\.cluster\.(names|objects|qos|rollout)|tools\.metrics\.(hints|series|types))"
)


def _walks(tree: ast.AST) -> Found:
    """What a reading tool could walk to a cluster by: another module than its few, the innards of Python's objects,
    and reflection. `getattr` reads a named field of plain data; nothing that asks is plain data."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (a.name for a in names if not _READERS_IMPORT.fullmatch(a.name))
            case ast.ImportFrom(module=module, level=level):
                if level or not _READERS_IMPORT.fullmatch(module or ""):
                    yield f"from {module}"
            case ast.Attribute(attr=attr) if attr in _INNARDS:
                yield f"{ast.unparse(node)} in line {node.lineno}"
            case ast.Name(id=name) if name in _REFLECTION | _INNARDS:
                yield f"{name} in line {node.lineno}"
            case ast.Constant(value=str() as value) if value in _INNARDS:
                yield f"'{value}' in line {node.lineno}"
            case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id="reads"), *_]):
                yield f"getattr of reads in line {node.lineno}"


@dataclass(frozen=True)
class Rule:
    """What only `allowed` modules may contain, and a line of source that breaks it elsewhere."""

    name: str
    finds: Callable[[ast.AST], Found]
    allowed: frozenset[str]
    violation: str


def rule(name: str, finds: Callable[[ast.AST], Found], allowed: str, violation: str) -> Rule:
    return Rule(name, finds, frozenset(allowed.split()), violation)


RULES = (
    rule("apply", lambda t: _calls(t, "apply"), "tools.path.delivery",
         "await app.executor._runner._writer.apply(p)"),
    rule("resize", lambda t: _called(t, "resize"), "tools.path.delivery", "await held.resize(p, i, t, b, c)"),
    rule("set_bounds", lambda t: _calls(t, "set_bounds"), "tools.path.delivery",
         "await held.set_bounds(p, i, t, b, c)"),
    rule("fence", lambda t: _calls(t, "fence", "fence_pod", "fence_autoscaler"), "tools.path.resolver",
         "await writer.fence(target, 'x')"),
    rule("writer held", lambda t: _calls(t, "_writer"),
         "tools.path.attempts tools.path.resolver audit.log", "w = executor.resolver._writer"),
    rule("attempts held", lambda t: _calls(t, "_runner"), "tools.path.executor",
         "await app.executor._runner.run(job, a)"),
    rule("ClusterWriter", lambda t: _mentions(t, "ClusterWriter"),
         "tools.path.attempts tools.path.delivery tools.path.executor tools.path.resolver flyball.wiring",
         "from tools.ports import ClusterWriter"),
    rule("KubernetesWriter", lambda t: _mentions(t, "KubernetesWriter"), "flyball.wiring",
         "KubernetesWriter(c, k)"),
    rule("SimulatedWriter", lambda t: _mentions(t, "SimulatedWriter"), "flyball.wiring",
         "getattr(m, 'SimulatedWriter')"),
    rule("Executor", lambda t: _calls(t, "AttemptRunner"), "tools.path.executor", "AttemptRunner(context, writer)"),
    rule("mint_permit", lambda t: _mentions(t, "mint_permit"),
         "policies.gate", "from policies.permit import mint_permit as m"),
    rule("seal", lambda t: _mentions(t, "_SEAL", "_seal", "_seal_of", "_sealed"), "policies.permit",
         "permit._sealed(1)"),
    rule("connection", lambda t: _attributes(t, r"\.(api|recall)$"),
         "tools.cluster.reader tools.cluster.writer", "await context.reader.api.request('PATCH')"),
    rule("commit", _commits,
         "audit.log flyball.notify.cursor"
         " tools.approvals.approvals tools.approvals.plan_votes tools.events.declare tools.events.expiry"
         " tools.findings.findings"
         " tools.path.attempts tools.path.context"
         " tools.path.executor tools.path.kill_switch tools.path.ledger tools.path.loop_records tools.path.resolver"
         " tools.path.promotion"
         " tools.path.rollout_watcher tools.path.service_records tools.path.verifier tools.path.writing"
         " tools.plans.plans"
         " tools.reading.screening tools.toolbox.governed tools.toolbox.recorder tools.path.tuning_pause",
         "await app.log.commit((r,))"),
    rule("records", lambda t: _attributes(t, r"\blog\.draft$"), "flyball.notify.cursor"
         " tools.approvals.plan_votes tools.events.records tools.findings.findings"
         " tools.path.context tools.path.journal tools.path.kill_switch tools.path.loop_records"
         " tools.path.run_records"
         " tools.path.promotion"
         " tools.path.service_records tools.plans.records"
         " tools.reading.screening tools.toolbox.governed tools.path.tuning_pause",
         "app.log.draft('annotation', actor=a)"),
    rule("runs and model calls", lambda t: _drafts(t, "run.started", "run.finished", "model.call"),
         "tools.path.run_records", "log.draft('model.call', actor=a)"),
    rule("annotations", lambda t: _drafts(t, "annotation"),
         "audit.drafts tools.path.journal tools.path.run_records", "log.draft('annotation', actor=a)"),
    rule("records of the path", lambda t: _drafts(
            t, "approval.requested", "approval.granted", "approval.denied", "policy.decision",
         "action.intent",
            "action.outcome", "action.in_doubt_resolved"),
         "tools.approvals.approvals tools.approvals.plan_votes tools.path.journal",
         "log.draft('approval.granted', actor=a)"),
    rule("levels", lambda t: _drafts(t, "agent.promoted", "agent.retired", "agent.demoted"),
         "tools.path.demotion tools.path.promotion", "log.draft('agent.promoted', actor=a)"),
    rule("votes", lambda t: _attributes(t, r"\.vote$"), "tools.approvals.approvals tools.approvals.plan_votes",
         "context.journal.vote('approval.granted', e)"),
    rule("intents", lambda t: _attributes(t, r"journal\.intent$"), "tools.path.writing",
         "context.journal.intent(r, s, d, '')"),
    rule("approve", lambda t: _attributes(t, r"(approvals|plan_votes)\.(approve|deny|vote)$"),
         "flyball.cli.change.approve flyball.cli.change.deny flyball.cli.chat.commands",
         "await app.approvals.approve(h, who)"),
    rule("acts for an owner", lambda t: _attributes(t, r"\bidentity\.scheduled$"),
         "flyball.agent_run flyball.service.loop_moves", "who = app.identity.scheduled(a, o, t, s)"),
    rule("out of the process", _leaves, "agents.models.transport flyball.notify.address flyball.notify.post"
         " flyball.service.manager"
         " tools.metrics.prometheus.access"
         " tools.metrics.prometheus.address tools.metrics.prometheus.client", "import subprocess"),
    rule("private parts of others", _private,
         "audit.log audit.store.scan audit.tree flyball.cli.backtest.spread flyball.cli.kit.tree",
         "await reads._c.reader.world.store.write()"),
    rule("dynamic code", _dynamic, "flyball.__main__ flyball.cli.kit.tree", "eval('1')"),
)  # fmt: skip


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.name)
def test_only_the_path_does_it(one: Rule) -> None:
    found = {name: list(one.finds(tree)) for name, tree in _modules() if name not in one.allowed}
    assert not {name: lines for name, lines in found.items() if lines}


READERS = ("tools.actions.", "tools.diagnosis.")
"""Whose functions hold reads, or what was read."""

SPIES = [
    "import gc", "import inspect", "import contextvars", "import sys", "from tools.reading import desk", "import os",
    "from tools.cluster.connect import connect", "from sandbox.world import World", "from . import desk",
    "from tools.cluster.reader import KubernetesReader", "asyncio.all_tasks()", "asyncio.current_task()",
    "reads.workload.__func__.__globals__", "reads.workload.__self__", "e.__traceback__.tb_frame.f_locals",
    "reads.pods(t).cr_frame", "vars(reads)", "getattr(reads, name)", "getattr(x, '__globals__')", "open('world.db')",
    "fetch.__closure__[0].cell_contents", "globals()['x']", "asyncio.get_running_loop()", "task.get_coro()",
]  # fmt: skip


def test_a_reading_tool_walks_nowhere() -> None:
    found = {name: list(_walks(tree)) for name, tree in _modules() if name.startswith(READERS)}
    assert len(found) > 20
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize("source", SPIES)
def test_a_spy_among_the_tools_is_seen(source: str) -> None:
    assert list(_walks(ast.parse(f"async def fetch(args, reads, cluster, namespace):\n    {source}\n")))


_QUOTABLE = frozenset(
    [
        "ToolError",
        "NotFound",
        "ClusterUnavailable",
        "MetricsUnavailable",
        "NeverHappened",
        "DefiniteConflict",
        "MayHaveHappened",
    ]
)


def _passed_on(tree: ast.AST) -> Found:
    """An error of a call to the cluster made of another one's words that does not say whose words they are."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[what, *_], keywords=keywords) if name in _QUOTABLE:
                words = {n.attr for n in ast.walk(what) if isinstance(n, ast.Attribute)}
                said = all(k.arg not in ("quotes", None) for k in keywords)
                if said and words & {"what", "said", "partial"}:
                    yield f"{ast.unparse(node.func)} in line {node.lineno}"


def test_whoever_passes_an_errors_words_on_says_whose_they_are() -> None:
    own = {"tools.path.pod_batch"}  # the words of our own log
    found = {name: list(_passed_on(tree)) for name, tree in _modules() if name not in own}
    assert not {name: lines for name, lines in found.items() if lines}
    assert list(_passed_on(ast.parse("raise NeverHappened(e.what, where=e.where)")))
    assert not list(_passed_on(ast.parse("raise NeverHappened(e.what, quotes=e.quotes)")))


FRONT_ENDS = ("flyball.cli", "flyball.server")


@pytest.mark.parametrize("name", ["commit", "records", "records of the path", "runs and model calls"])
def test_a_front_end_writes_no_line_of_the_log(name: str) -> None:
    """What happened is recorded where it happens: a second front end leaves the same trail, or none at all."""
    (one,) = [r for r in RULES if r.name == name]
    assert not [module for module in one.allowed if module.startswith(FRONT_ENDS)]


@pytest.mark.parametrize(
    "source", ["keep = app.log.commit", "await log.commit((r,))", "db.commit(rows)", "put = book.commit"]
)
def test_a_commit_is_seen_in_any_form(source: str) -> None:
    assert list(_commits(ast.parse(f"async def f():\n    {source}\n")))


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.name)
def test_a_violation_is_seen(one: Rule) -> None:
    source = f"async def second_way():\n    {one.violation}\n"
    assert list(one.finds(ast.parse(source)))


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.name)
def test_nobody_is_allowed_who_does_not_need_it(one: Rule) -> None:
    using = {name for name, tree in _modules() if name in one.allowed and list(one.finds(tree))}
    assert using == one.allowed


SECOND_WAYS = {
    "flyball -> agents | sandbox -> tools -> forecasting | policies | audit -> base":
        ("tools/second.py", "import agents.errors"),
    "policies decides and does no I/O beyond its own files": ("policies/second.py", "import sqlite3"),
    "agents hold the toolbox port: neither log, gate, executor, approvals nor cluster":
        ("agents/second.py", "from tools.toolbox.governed import GovernedToolbox"),
    "forecasts, recommenders, twin and sentinel are arithmetic":
        ("forecasting/twin/second.py", "from tools.path.executor import Executor"),
    "an action's file holds no path to log, gate or writer":
        ("tools/actions/second.py", "from tools.path.executor import Executor"),
    "only wiring picks the writer of a real cluster":
        ("tools/second_writer.py", "from tools.cluster.writer import KubernetesWriter"),
    "only wiring picks the writer of a simulated cluster":
        ("flyball/cli/second.py", "from sandbox.writer import SimulatedWriter"),
    "only the writer sends a PATCH": ("tools/second_patch.py", "from tools.cluster.patches import send"),
    "only the adapter holds a connection to the apiserver":
        ("flyball/second.py", "from tools.cluster.api import Api"),
    "only the executor runs attempts": ("tools/second_attempt.py", "from tools.path.attempts import AttemptRunner"),
    "only an attempt delivers": ("tools/second_delivery.py", "from tools.path.delivery import Delivery"),
    "the executor is called by toolbox and approvals, and put together by wiring":
        ("flyball/cli/second_executor.py", "from tools.path.executor import Executor"),
    "a vote comes through the command line only":
        ("tools/second_vote.py", "from tools.approvals.approvals import Approvals"),
    "plans are carried out for a person only": ("tools/second_plan.py", "from tools.plans.plans import Plans"),
    "TLS in the adapters only": ("tools/second_tls.py", "import ssl"),
    "only the log appends to its store": ("tools/second_append.py", "from audit.store.append import Appender"),
    "only the governed path and what opens it know the log": ("sandbox/second_log.py", "from audit.log import Log"),
    "kubernetes in one file": ("tools/cluster/second.py", "import kubernetes.aio"),
    "HTTP to the cluster in its adapter only": ("agents/second_http.py", "import aiohttp"),
    "casbin in the policies' compiler": ("policies/second_casbin.py", "import casbin"),
    "openai in the model clients": ("agents/ops/second_model.py", "import openai"),
    "langgraph in the ops agent's graph": ("agents/tuner/second_graph.py", "import langgraph"),
    "HTTP to Prometheus, to the model and to receivers in their adapters":
        ("agents/second_prometheus.py", "import httpx2"),
    "arrays in forecasts and in the sandbox": ("tools/second_numpy.py", "import numpy"),
    "sqlmodel, sqlalchemy and alembic in the stores' models": ("audit/store/second_sql.py", "import alembic.op"),
    "a store runs compiled SQL": ("audit/store/second_model.py", "from audit.store.models import AuditEntry"),
    "database files are opened by their stores": ("tools/second_db.py", "import sqlite3"),
    "no two parts of a package need each other": ("audit/ids.py", "import audit.log"),
    "the parts of tools, from the toolbox down to the ports":
        ("tools/cluster/second_spec.py", "from tools.path.executor import Executor"),
    "charts in files are drawn in one place": ("forecasting/second_chart.py", "import matplotlib.figure"),
    "an agent is promoted and retired through": ("tools/toolbox/second_level.py", "import tools.path.promotion"),
    "keys are handled by the log": ("tools/second_key.py", "import cryptography"),
    "cron expressions are read in policy files and by schedules": ("flyball/second_cron.py", "import cronsim"),
    "jobs know neither what is done nor whom it is asked of":
        ("flyball/jobs/second.py", "from policies.gate import Gate"),
}  # fmt: skip


def _contracts(root: Path) -> tuple[int, str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "250", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_are_kept() -> None:
    code, said = _contracts(ROOT)
    assert code == 0, said


def test_every_contract_breaks_on_a_second_way(tmp_path: Path) -> None:
    """One copy of the packages with a violation of each contract in it; each must be called broken."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, source in SECOND_WAYS.values():
        (tmp_path / path).write_text(f'"""A second way."""\n\n{source}\n', encoding="utf-8")
    code, said = _contracts(tmp_path)
    assert code != 0
    broken = {line.split(" BROKEN")[0].strip() for line in said.splitlines() if "BROKEN" in line}
    unseen = [name for name in SECOND_WAYS if not any(one.startswith(name) for one in broken)]
    assert not unseen, said
    assert len(SECOND_WAYS) == (ROOT / "pyproject.toml").read_text().count("[[tool.importlinter.contracts]]")
