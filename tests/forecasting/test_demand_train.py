"""`flyball tune train`: the file is what the program reads, the same for the same seed, and a clear no elsewhere."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flyball.cli.backtest import train
from flyball.exits import UsageError
from forecasting.demand.weights import read


def run(*args: str) -> Result:
    return CliRunner().invoke(train.app, list(args))


def test_a_seed_gives_one_file(tmp_path: Path) -> None:
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    for out in (first, again):
        assert run("--out", str(out), "--seed", "3", "--traces", "8").exit_code == 0
    assert first.read_bytes() == again.read_bytes()
    assert read(first).provenance["seed"] == 3


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write") as said:
        train._write(tmp_path / "none" / "weights.json", "")
    assert said.value.hint
