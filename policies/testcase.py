"""The tests of a rule, as operators write them."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from policies.fields import Action, Instant, Spec, Subject


def _as_written(schema: dict[str, Any]) -> None:
    """The action is mostly a key of its own, which no schema can name."""
    schema["required"].remove("action")
    schema["additionalProperties"] = True


class TestCase(Spec):
    """One expectation on this rule: who asks for what, and what the gate must say.

    What is not said of the time before is nothing: no budget spent, no number moved, no alert, no rollout, and the
    only workload of its namespace.
    """

    model_config = ConfigDict(json_schema_extra=_as_written)

    __test__ = False

    as_: Annotated[str, Field(alias="as", pattern=r"\A(local|agent:.+|human:.+)\z")]
    for_: Annotated[str | None, Field(alias="for", pattern=r"\A(local|human:.+)\z")] = None
    groups: tuple[Subject, ...] = ()
    action: Action
    value: int | str | Decimal | dict[str, int | str | Decimal] | None = None
    target: Annotated[str, Field(pattern=r"\A[^/]*/[^/]+/[^/]+\z")]
    cluster: str | None = None
    current: Annotated[int | str | Decimal | dict[str, int | str | Decimal] | None, Field(alias="from")] = (
        None
    )
    labels: dict[str, str] = Field(default_factory=dict)
    field_owner: str | None = None
    at: Instant | None = None
    approved_by: tuple[str, ...] = ()
    mode: Literal["live", "dry_run"] = "live"
    tainted: bool = False
    workloads: Annotated[int, Field(ge=1)] = 1
    alerts: Annotated[int, Field(ge=0)] = 0
    rolling_out: bool = False
    spent: dict[str, int | str | Decimal] = Field(default_factory=dict)
    moved: Literal["up", "down"] | None = None
    expect: Literal["allow", "deny", "needs_approval"]
    rule: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _action_is_a_key(cls, data: Any) -> Any:
        """`scale: 40` names the action and its value in one key: the one key that is not a field."""
        if not isinstance(data, dict) or "action" in data:
            return data
        fields = {field.alias or name for name, field in cls.model_fields.items()}
        others = [key for key in data if key not in fields]
        if len(others) != 1:
            raise ValueError("a test names exactly one action, e.g. `scale: 40`")
        rest = {key: value for key, value in data.items() if key != others[0]}
        return {**rest, "action": others[0], "value": data[others[0]]}
