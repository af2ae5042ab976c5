"""`python -m tests.bench NAME [-o table|json] [the bench's own options]`, NAME one of `NAMES`."""

import argparse
import importlib
import sys
from collections.abc import Callable

from tests.bench.report import Row, document, table

NAMES = ("audit", "cli", "forecast", "gate", "path", "serve", "tune", "tuning_pass", "world")


def main(argv: list[str]) -> int:
    options = argparse.ArgumentParser(prog="bench")
    options.add_argument("name", choices=NAMES)
    options.add_argument("-o", "--output", choices=("table", "json"), default="table")
    given, own = options.parse_known_args(argv)
    run: Callable[[list[str]], list[Row]] = importlib.import_module(f"tests.bench.{given.name}").run
    if rows := run(own):
        print(document(given.name, rows) if given.output == "json" else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
