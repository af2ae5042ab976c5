"""`python -m flyball`, and the console script."""

import sys

from flyball.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
