"""`python -m tests.mutation guards`: every mutant meets its test, and each must be caught."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.mutation.mutants import MUTANTS, Mutant

PLUGIN = "tests.mutation.plugin"
FAILED = 1
"""pytest's exit code where tests were run and some failed; anything else catches nothing."""


def caught(mutant: Mutant) -> bool:
    """Whether its test fails with it. Prints one line."""
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        PLUGIN,
    )
    done = subprocess.run(
        [*command, mutant.caught_by],
        env={**os.environ, "FLYBALL_MUTANT": mutant.name},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = done.returncode == FAILED
    print(f"{'caught' if found else 'SURVIVED'}  {mutant.name}  {mutant.caught_by}", flush=True)
    if not found and done.returncode:
        print(done.stdout, flush=True)
    return found


def main(words: list[str]) -> int:
    """0 where every mutant was caught. `guards` runs all, further words only those whose name holds one of them."""
    if not words or words[0] != "guards":
        print("usage: ./dev mutate guards [NAME…]", file=sys.stderr)
        return 2
    chosen = [m for m in MUTANTS if not words[1:] or any(word in m.name for word in words[1:])]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        survived = [m for m, found in zip(chosen, pool.map(caught, chosen), strict=True) if not found]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutants caught")
    return 1 if survived or not chosen else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
