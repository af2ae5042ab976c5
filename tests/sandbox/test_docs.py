"""docs/sandbox.md: its commands run, its manifest loads, its tables are those of the code."""

import re
from pathlib import Path

import pytest

from flyball.cli.main import main
from sandbox.load.manifest import FIELDS
from sandbox.manifest_files import default_world

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def masked(text: str) -> str:
    """Without what differs from run to run: UIDs."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID", text)


def test_its_commands_print_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBALL_STATE", str(tmp_path))
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        command, _, shown = block.partition("\n")
        assert main(command.removeprefix("$ flyball ").split()) == 0
        assert masked(capsys.readouterr().out) == masked(shown)


def test_its_manifest_loads(tmp_path: Path) -> None:
    manifest = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0]
    path = tmp_path / "api.yaml"
    path.write_text(manifest)
    assert main(["sandbox", "load", str(path), "--state", str(tmp_path)]) == 0


def test_it_names_every_field_and_workload() -> None:
    rows = set(re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE))
    workloads = {
        f"{m['kind'].lower()}/{m['metadata']['name']}"
        for m in default_world()
        if m["kind"] in ("Deployment", "StatefulSet")
    }
    assert rows == {"target", *FIELDS} | workloads
