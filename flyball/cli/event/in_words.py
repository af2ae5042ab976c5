"""`flyball event add --words`: what a model understood is shown, a person says yes, and only then it is declared."""

from typing import TYPE_CHECKING

from flyball.cli.kit.confirm import confirm, somebody
from flyball.cli.kit.model import endpoint_of
from flyball.cli.kit.options import Options

if TYPE_CHECKING:
    from flyball.wiring import App


def add_in_words(opts: Options, words: str, reason: str) -> None:
    """Declare what the words describe. There is no `--yes`: a model's understanding is looked at by a person."""
    somebody("what a model understood is declared by a person; a program gives --to and --at-least")
    endpoint = endpoint_of(opts)

    async def work(app: "App") -> None:
        from flyball.cli.event import reading
        from flyball.cli.event import show as view
        from flyball.cli.event.declaring import declare
        from flyball.event_words import understood

        found = await understood(app, endpoint, words)
        said = {"title": found.name, "select": found.labels, "from_": found.starts, "to": found.ends}
        by = {"namespace": app.place.namespace, "source": f"model:{endpoint.model}"[:256], "words": words}
        event = reading.event(app.context.now_ms(), **said, **by, at_least=found.at_least)
        confirm(opts, f"{app.place}\n" + "\n".join(view.lines(event)), "declare it? ")
        await declare(opts, app, event, reason)

    opts.run(work)
