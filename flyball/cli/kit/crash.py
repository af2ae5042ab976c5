"""An internal error: reported as one, with where to find the traceback."""


def parts(e: Exception) -> tuple[str, str, str]:
    """An unexpected error in three parts, without its traceback."""
    return (
        f"{type(e).__name__}: {e}",
        "a fault in flyball itself",
        "run it again with --debug for the traceback\n`flyball status` tells whether anything is in doubt",
    )
