"""The demo's second act: a night that nobody watches, in the world's time, and the morning after."""

from flyball.cli.sandbox.demo_steps import Step

NIGHT = (
    Step(
        "Second act: a shop with a week behind it, at two in the afternoon",
        ("sandbox", "reset", "--world", "night", "--history", "8d"),
    ),
    Step("Nobody watches: policy has an agent that runs at 03:00", ("sandbox", "advance", "13h15m")),
    Step("The morning: what ran", ("tune", "history")),
    Step("One change kept: its verdict was good", ("changes", "deploy/catalog", "--since", "2h")),
    Step("One rolled back by itself: answers became slower", ("changes", "deploy/exports", "--since", "2h")),
    Step("One waits for a person", ("pending",)),
    Step("The report: cost, service level, and who was left alone", ("tune", "report", "--since", "1d")),
)
