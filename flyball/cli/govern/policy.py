"""`flyball policy explain|can-i|test|lint|schema`: questions to the policy; nothing is asked of the cluster."""

import typer

from flyball.cli.govern.can_i import can_i
from flyball.cli.govern.explain import explain
from flyball.cli.govern.policy_checks import lint, test
from flyball.cli.kit.output import say

app = typer.Typer(
    help="Explain, test and lint the policy. Example: flyball policy can-i scale deploy/web",
    no_args_is_help=True,
)
app.command()(explain)
app.command("can-i")(can_i)
app.command()(test)
app.command()(lint)


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy documents, for editors. Example: flyball policy schema > policy.schema.json"""
    import json

    from policies.schema import schema as json_schema

    say(json.dumps(json_schema(), indent=2))
