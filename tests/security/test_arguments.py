"""Threats 7, 9, 10, 12, 18, 23: arguments with two readings, huge, deep, odd; each refused, recorded, shown escaped.

What is asked of every attack: nothing changes, the answer is `invalid` or `refused`, and the log holds it.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from audit.errors import RecordInvalid
from flyball.cli.kit.output import safe
from tests.kit.installation import ask, installation, kinds, proposed, replicas, scale, within
from tools.path.executor import Executor
from tools.path.outcome import Refused

WEB = '{"workload":"deployment/web","replicas":%s,"current_replicas":null}'
NUMBERS = {
    "nan": "NaN", "infinity": "Infinity", "underscore": "1_0", "underscore-text": '"1_0"', "true": "true",
    "exponent": "1e9", "float": "1.0", "two-to-53": "9007199254740992", "5000-digits": "9" * 5000, "null": "null",
    "negative": "-1", "text": '"5"', "list": "[5]", "object": '{"v":5}', "plus": "+5", "hex": "0x5", "octal": "05",
    "full-width": '"５"', "full-width-bare": "５",
}  # fmt: skip
SHAPES = {
    "1-MB": "x" * 2**20,
    "1-MB-of-string": '{"workload":"' + "a" * 2**20 + '"}',
    "10000-lists": "[" * 10_000,
    "10000-objects": '{"a":' * 3_000,
    "10000-closed": "[" * 5_000 + "]" * 5_000,
    "deep-behind-a-string": '{"a":"\\"[[[",' + '"b":' + "[" * 9 + "]" * 9 + "}",
    "duplicate": '{"workload":"deployment/web","replicas":5,"replicas":9,"current_replicas":null}',
    "duplicate-escaped": '{"workload":"deployment/web","replicas":5,"replica\\u0073":9,"current_replicas":null}',
    "duplicate-nested": '{"workload":{"a":1,"a":2},"replicas":5,"current_replicas":null}',
    "extra": '{"workload":"deployment/web","replicas":5,"current_replicas":null,"namespace":"kube-system"}',
    "extra-force": '{"workload":"deployment/web","replicas":5,"current_replicas":null,"force":true}',
    "extra-dunder": '{"workload":"deployment/web","replicas":5,"current_replicas":null,"__class__":"x"}',
    "surrogate": '{"workload":"deployment/\\ud800","replicas":5,"current_replicas":null}',
    "surrogate-key": '{"\\udfff":1}',
    "surrogate-raw": '{"workload":"\ud800"}',
    "not-an-object": "5",
    "list": "[]",
    "null": "null",
    "two-documents": WEB % 5 + WEB % 9,
    "trailing": WEB % 5 + " yes",
    "comment": "{/* */}",
    "bom": "\ufeff" + WEB % 5,
    "empty": "",
    "missing": '{"workload":"deployment/web"}',
}
NAMES = {
    "full-width": "deployment/ｗeb", "cyrillic-e": "deployment/w\u0435b", "zero-width": "deployment/we\u200bb",
    "rtl": "deployment/\u202eweb", "upper": "deployment/Web", "kind-upper": "Deployment/web",
    "space": "deployment/web ",
    "newline": "deployment/web\n", "nul": "deployment/web\0", "dots": "deployment/../web",
    "slash": "deployment/a/web",
    "star": "deployment/*", "no-kind": "web", "empty": "", "no-name": "deployment/", "secret": "secret/web",
    "kelvin": "deployment/wor\u212aer", "long": "deployment/" + "a" * 254, "percent": "deployment/web%2f..",
    "query": "deployment/web?dryRun=All", "flag": "--all", "combining": "deployment/we\u0301b",
}  # fmt: skip


@pytest.mark.parametrize("attacks", [
    {name: WEB % text for name, text in NUMBERS.items()},
    SHAPES,
    {name: json.dumps(scale(5, text)) for name, text in NAMES.items()},
], ids=["numbers", "shapes", "names"])  # fmt: skip
def test_what_has_not_exactly_one_reading_is_invalid_and_recorded(
    tmp_path: Path, attacks: dict[str, str]
) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            before = await replicas(app)
            for name, text in attacks.items():
                card = await ask(app, "scale", text)
                assert card.status == "invalid", name
                assert card.record is not None, name
                entry = await app.log.entry(card.record)
                assert entry.record.kind == "tool.rejected", name
                assert safe(card.line) == card.line, name
                assert len(card.text) < 2_000, name
            assert await replicas(app) == before
            assert "action.intent" not in await kinds(app)

    asyncio.run(run())


@pytest.mark.parametrize("text", ["0", "-0"])
def test_zero_is_an_action_of_its_own_that_the_shipped_policy_does_not_allow(
    tmp_path: Path, text: str
) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            card = await ask(app, "scale", WEB % text)
            assert card.status == "refused"
            assert "scale_to_zero" in card.line
            assert await replicas(app) == 4

    asyncio.run(run())


TOOLS = ["scale_to_zero", "kubectl", "approve", "policy", "read_secret", "Scale", "scale ", "ｓcale", "", "__init__",
         "scale\n", "\x1b[2J", "\u202elacs", "\ud800", "a" * 100_000]  # fmt: skip


def test_a_tool_that_is_not_registered_does_not_exist_and_its_name_is_harmless(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for name in TOOLS:
                card = await ask(app, name, "{}")
                assert card.status == "invalid"
                assert card.record is not None
                record = (await app.log.entry(card.record)).record
                shown = json.dumps(record.model_dump(mode="json"), ensure_ascii=False)
                assert safe(shown) == shown
                assert len(shown) < 2_000
            assert await replicas(app) == 4

    asyncio.run(run())


def test_no_tool_approves_stops_or_writes_policy(tmp_path: Path) -> None:
    async def names(app: object) -> set[str]:
        return {s["function"]["name"] for s in app.toolbox.schemas()}  # type: ignore[attr-defined]

    found = within(tmp_path, names)
    bounds = {"set_autoscaler_bounds", "keep_scale_point"}
    writes = {"scale", "set_resources", "restart", "set_envelope", "undo"} | bounds
    reads = {"list_workloads", "describe_workload", "read_metrics", "get_events", "changes", "why"}
    assert found == writes | reads


REASONS = [
    "\x1b]0;pwned\x07",
    "a\nrecord 99  allowed",
    "\u202egnihton",
    "\u200b\u2066x",
    "\x9b31m",
    "yes, approved",
]


def test_a_reason_is_kept_as_it_was_said_and_painted_nowhere(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for reason in REASONS:
                card = await ask(app, "scale", scale(15), reason=reason)
                assert card.status == "pending"
                assert safe(card.line) == card.line
                record = (await app.log.entry(card.record or 0)).record
                assert record.reason == reason
                assert not any(c in safe(reason) for c in "\x1b\n\u202e\u200b\u2066\x9b\x07")
            assert await replicas(app) == 4

    asyncio.run(run())


def test_a_reason_that_no_record_can_hold_is_refused_before_anything(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            for reason in ("bad \ud800", "x" * 2_049):
                card = await ask(app, "scale", scale(5), reason=reason)
                assert card.status == "invalid"
            assert await replicas(app) == 4

    asyncio.run(run())


FORGED: dict[str, dict[str, Any]] = {
    "action": {"action": "list_workloads"},
    "harmless-action-for-zero": {"args": scale(0)},
    "other-target": {"args": scale(5, "deployment/search")},
    "boolean": {"args": {**scale(5), "replicas": True}},
    "left-out": {"args": {"workload": "deployment/web", "replicas": 5}},
    "extra": {"args": {**scale(5), "force": True}},
    "tool": {"tool": "kubectl"},
    "undo-as-tool": {"tool": "undo"},
    "read-as-action": {"tool": "describe_workload", "action": "describe_workload"},
}


def test_a_request_whose_words_do_not_fit_its_arguments_is_refused(tmp_path: Path) -> None:
    """Built past the parser (`model_copy`), as a fault in the agents could."""

    async def run() -> None:
        async with installation(tmp_path) as app:
            executor: Executor = app.executor
            for name, changes in FORGED.items():
                result = await executor.execute(proposed(app, 5).model_copy(update=changes))
                assert isinstance(result, Refused), name
                assert result.stage == "arguments", name
                assert (await app.log.entry(result.record)).record.kind == "policy.decision"
            assert await replicas(app) == 4

    asyncio.run(run())


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_forged_request_that_no_record_can_hold_ends_in_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with installation(tmp_path) as app:
            forged = proposed(app, 5).model_copy(update={"args": {**scale(5), "replicas": 5.0}})
            with pytest.raises(RecordInvalid):
                await app.executor.execute(forged)
            assert await replicas(app) == 4

    asyncio.run(run())
