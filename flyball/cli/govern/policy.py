"""`flyball policy explain|can-i|test|lint|status|init|schema`: the policy is asked, the cluster is not."""

import typer

from flyball.cli.govern.can_i import can_i
from flyball.cli.govern.explain import explain
from flyball.cli.govern.policy_checks import lint, run_tests
from flyball.cli.govern.policy_init import init
from flyball.cli.govern.policy_status import status
from flyball.cli.kit.output import say

app = typer.Typer(
    help="Explain, test and lint the policy. Example: flyball policy can-i scale deploy/web",
    no_args_is_help=True,
)
app.command()(explain)
app.command("can-i")(can_i)
app.command("test")(run_tests)
app.command()(lint)
app.command()(status)
app.command()(init)


@app.command()
def schema() -> None:
    """Print the JSON Schema of policy documents, for editors. Example: flyball policy schema > policy.schema.json"""
    import json

    from policies.schema import schema as json_schema

    say(json.dumps(json_schema(), indent=2))
