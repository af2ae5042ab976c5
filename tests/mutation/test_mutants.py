"""The mutants fit the code: each text stands once, each guard has one, and each names a test that is there."""

import importlib.util
from pathlib import Path

import pytest

from policies.guards import GUARDS, PRE_READ_GUARDS, READ
from tests.mutation import mutants
from tests.mutation.__main__ import main
from tests.mutation.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_it_fits_the_code_and_names_a_test(mutant: Mutant) -> None:
    spec = importlib.util.find_spec(mutant.module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text()
    compile(mutant.applied(text), spec.origin, "exec")
    file, _, test = mutant.caught_by.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text() or not test


def test_every_guard_has_one() -> None:
    assert {guard.__name__ for guard in (*PRE_READ_GUARDS, *GUARDS, *READ)} == set(mutants.GUARDS)


def test_no_two_have_the_same_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_one_that_nobody_notices_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that breaks nothing survives, and the command fails."""
    kept = next(one for one in MUTANTS if one.name == "guard cooldown")
    same = Mutant(kept.name, kept.module, kept.old, kept.old, kept.caught_by)
    monkeypatch.setattr("tests.mutation.__main__.MUTANTS", (same,))
    monkeypatch.setattr("tests.mutation.__main__.PLUGIN", "tests.kit.states")
    assert main(["guards"]) == 1
    said = capsys.readouterr().out
    assert "SURVIVED  guard cooldown" in said
    assert "0 of 1 mutants caught" in said


def test_what_it_is_told_must_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert main(["guards", "no such mutant"]) == 1
    assert "usage: ./dev mutate guards" in capsys.readouterr().err
