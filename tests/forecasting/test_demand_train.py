"""`flyball tune train`: the file is what the program reads, the same for the same seed, and a clear no elsewhere."""

from pathlib import Path

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


def test_a_place_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("a file")
    for out in (tmp_path / "none" / "weights.json", tmp_path):
        said = run("--out", str(out), "--traces", "2000").exception
        assert isinstance(said, UsageError)
        assert said.hint
    assert (tmp_path / "none").read_text() == "a file"
