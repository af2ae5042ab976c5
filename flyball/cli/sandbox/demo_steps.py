"""One screen of the demo: a real command, run as a person would run it."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flyball.cli.kit.output import note, say, tone
from flyball.exits import Exit, Stop


@dataclass(frozen=True, slots=True)
class Step:
    """One screen: a title, what is run, and the exit code that it must end with."""

    title: str
    words: Sequence[str]
    code: Exit = Exit.DONE


def presenter(state: Path, wait: float) -> Callable[[Step], None]:
    """Shows steps in the sandbox of that state folder, each for so many seconds."""
    from flyball.cli.main import main

    common = ("--context", "sandbox", "--state", str(state))

    def run(step: Step) -> None:
        say(tone(f"\n== {step.title}", "good"))
        say(tone(f"$ flyball {' '.join(step.words)}", "dim"))
        sys.stdout.flush()
        code = main([*step.words, *common])
        sys.stdout.flush()
        if code != step.code:
            note(f"demo: expected exit {int(step.code)}, got {code}")
            raise Stop(Exit.FAILED)
        time.sleep(wait)

    return run
