"""What a command may import, so that the command line stays quick: each is started as a person starts it.

Speed itself is measured by `./dev bench cli`; here stands why it is so. A module that is needed after all belongs
into the function that needs it.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.cluster.client_packages import PACKAGES

ROOT = Path(__file__).parents[2]
REPORT = """
import json, sys
from flyball.__main__ import main
sys.argv = ["flyball", *sys.argv[1:]]
code = main()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
NEVER = (
    "alembic", "aiohttp", "httpx2", "kubernetes", "langchain_core", "langgraph", "matplotlib", "numpy", "openai",
    "requests", "rich", "ruamel.yaml", "sqlalchemy", "sqlmodel", "yaml",
)  # fmt: skip
"""Needed by other commands, or by a real cluster."""
LIGHT = (
    *NEVER, "asyncio", "audit", "casbin", "cryptography", "policies", "sqlite3", "tools",
)  # fmt: skip
READING = (*NEVER, "casbin", "flyball.wiring", "policies.compiler", "sandbox", "tools.path")
ASKING = (
    *NEVER, "audit.log", "cryptography", "flyball.wiring", "sandbox", "sqlite3", "tools.path",
)  # fmt: skip
STARTS: tuple[tuple[str, Sequence[str], int], ...] = (
    ("--help", (*LIGHT, "pydantic"), 0),
    ("--version", LIGHT, 0),
    ("act --help", (*NEVER, "flyball.wiring"), 0),
    ("status", (*NEVER, "tools.cluster.client"), 0),
    ("act scale deploy/web --replicas 5 --yes", (*NEVER, "tools.cluster.client", "tools.plans"), 0),
    ("audit tail", READING, 0),
    ("policy can-i scale deploy/web --replicas 5", ASKING, 0),
    ("status --no-such-option", (*NEVER, "flyball.wiring"), 2),
    ("nonsense", LIGHT, 2),
)  # fmt: skip
CLUSTER = (
    "httpx2", "kubernetes.client", "kubernetes.dynamic", "kubernetes.stream", "kubernetes.watch",
    "kubernetes.aio.client.models.v1_pod", "kubernetes.aio.dynamic", "kubernetes.aio.watch", "numpy", "oauthlib",
    "requests", "rich", "sandbox", "urllib3", "websocket",
)  # fmt: skip


def run(code: str, words: Sequence[str], home: Path) -> tuple[int, set[str]]:
    """The exit code of a program in a process of its own, and what it has imported at its end."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, cwd=home, capture_output=True, text=True, check=False
    )  # fmt: skip
    try:
        found, modules = json.loads(done.stderr.splitlines()[-1])
    except (IndexError, ValueError):
        pytest.fail(done.stderr)
    return found, set(modules)


def among(modules: set[str], unwanted: Sequence[str]) -> list[str]:
    """Those of `unwanted` that are imported, whole or in part."""
    return [name for name in unwanted if name in modules or any(m.startswith(f"{name}.") for m in modules)]


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which somebody has worked before: there are a world, a log and a parsed policy."""
    home = tmp_path_factory.mktemp("home")
    assert run(REPORT, ["status", "--context", "sandbox"], home)[0] == 0
    assert run(REPORT, ["act", "scale", "deploy/web", "--replicas", "6", "--yes"], home)[0] == 0
    return home


@pytest.mark.parametrize(("words", "unwanted", "code"), STARTS, ids=[words for words, _, _ in STARTS])
def test_a_command_imports_only_what_it_needs(
    lived_in: Path, words: str, unwanted: Sequence[str], code: int
) -> None:
    found, modules = run(REPORT, words.split(), lived_in)
    assert found == code
    assert not among(modules, unwanted)


def test_a_connection_takes_single_modules_of_the_client(tmp_path: Path) -> None:
    parts = "flyball.wiring, tools.cluster.client, tools.metrics.prometheus.reader"
    code = f"import json, sys, {parts}\nprint(json.dumps([0, sorted(sys.modules)]), file=sys.stderr)"
    found, modules = run(code, [], tmp_path)
    assert found == 0
    assert "kubernetes.aio.config.kube_config" in modules
    assert not among(modules, CLUSTER)


def test_the_rest_of_the_client_can_still_be_imported(tmp_path: Path) -> None:
    code = (
        "import json, sys, tools.cluster.client\n"
        "from kubernetes.aio import client, watch\n"
        "from kubernetes.aio.client import Configuration\n"
        "assert client.Configuration is tools.cluster.client.Configuration is Configuration and watch.Watch\n"
        "from kubernetes.client import CoreV1Api\n"
        "print(json.dumps([0, []]), file=sys.stderr)\n"
    )
    assert run(code, [], tmp_path)[0] == 0


@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_that_are_entered_without_running_them_only_import(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text()).body:
        names = [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []
        dunder = bool(names) and all(one.startswith("__") for one in names)
        assert isinstance(node, ast.Import | ast.ImportFrom) or dunder, ast.unparse(node)


def test_a_clone_stays_clean() -> None:
    """Bytecode is kept beside the source, where git does not look."""
    ignored = (ROOT / ".gitignore").read_text().split()
    assert "__pycache__/" in ignored
    dev = (ROOT / "dev").read_text()
    assert "unset PYTHONDONTWRITEBYTECODE" in dev
    assert "--compile-bytecode" in dev
