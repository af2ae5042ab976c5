"""Threats 1 and 20: error texts are untrusted too. An admission webhook's message, an apiserver's, a metrics
source's (which quotes labels) meets one door: harmless before any record, terminal or model, and a session that is
told of one is tainted before it is.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LogUnavailable
from flyball.cli.kit.output import safe
from policies.types import Principal, Target
from tests.kit.installation import LOCAL, OPS, App, allow, ask, replicas, scale, within
from tests.security.planting import ORDER
from tests.tools.rig import Rig, rig
from tools.actions import registry
from tools.cluster.answers import Answer, Question, read_error, write_error
from tools.errors import MetricsUnavailable, NeverHappened, NotFound, ToolError
from tools.metrics.prometheus.answers import instant
from tools.metrics.prometheus.failures import failed
from tools.metrics.types import Metric
from tools.spec import Reads

SECRET = "hunter2canary"
MESSAGE = f'admission webhook "x" denied: \x1b[31mpassword={SECRET} {ORDER}'
WEB = {"workload": "deployment/web"}


def status(http: int, message: str = MESSAGE) -> Answer:
    body = {"kind": "Status", "status": "Failure", "message": message, "reason": "Invalid", "code": http}
    return Answer(Question("PATCH", "/apis/apps/v1/x", "https://k"), http, json.dumps(body).encode())


def page(http: int) -> Answer:
    return Answer(Question("PATCH", "/x", "https://k"), http, f"<html>{MESSAGE}</html>".encode())


def ops(app: App, session: str = "chat-a") -> Principal:
    return app.agent("agent:ops", session)


def refusing(app: App, error: ToolError, *, rehearsed: bool = False) -> None:
    """Every write of the sandbox gets this answer; where `rehearsed`, only the dry run before it does not."""
    attempts: Any = app.executor._runner
    inner = attempts._writer

    class Writer:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        async def apply(self, permit: Any, *more: Any) -> Any:
            if rehearsed and permit.mode == "dry_run":
                return await inner.apply(permit, *more)
            raise error

    attempts._writer = Writer()


async def leaks(app: App | Rig, *texts: str) -> bool:
    records = json.dumps([e.record.model_dump(mode="json") for e in await app.log.find()], ensure_ascii=False)
    return any(SECRET in text or "\x1b" in text for text in (*texts, records))


async def marks(app: App | Rig) -> set[str]:
    return set(await app.log.prefixed("taint/"))


ANSWERS: dict[str, Callable[[], ToolError]] = {
    "403": lambda: write_error(status(403)),
    "400": lambda: write_error(status(400)),
    "422": lambda: write_error(status(422)),
    "429": lambda: write_error(status(429)),
    "proxy": lambda: write_error(page(403)),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_webhooks_words_taint_and_leak_nothing(tmp_path: Path, name: str) -> None:
    async def work(app: App) -> None:
        refusing(app, ANSWERS[name]())
        card = await ask(app, "scale", scale(6), principal=ops(app))
        assert card.status == "failed"
        assert "SYSTEM" in card.text, "the model is told what was said"
        assert not await leaks(app, card.text, card.line)
        assert safe(card.line) == card.line
        assert await marks(app) == {"taint/chat-a"}

    within(tmp_path, work)


def test_the_obedient_model_gets_a_question_for_it(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        attempts: Any = app.executor._runner
        kept = attempts._writer
        refusing(app, write_error(status(403)))
        assert (await ask(app, "scale", scale(6), principal=ops(app))).status == "failed"
        attempts._writer = kept
        assert (await ask(app, "scale", scale(9), principal=ops(app))).status == "pending"
        assert (await ask(app, "scale", scale(9), principal=ops(app, "chat-b"))).status == "applied"
        assert await replicas(app) == 9

    within(tmp_path, work)


@pytest.mark.parametrize("http", [500, 503])
def test_an_answer_in_doubt_taints_too(tmp_path: Path, http: int) -> None:
    async def work(app: App) -> None:
        refusing(app, write_error(status(http)), rehearsed=True)
        card = await ask(app, "scale", scale(6), principal=ops(app))
        assert card.status == "in_doubt"
        assert not await leaks(app, card.text, card.line)
        assert await marks(app) == {"taint/chat-a"}

    within(tmp_path, work)


def test_what_is_answered_again_out_of_the_log_taints_again(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        refusing(app, write_error(status(403)))
        request = {"principal": ops(app), "request_id": "a" * 40}
        await ask(app, "scale", scale(6), **request)
        (mark,) = (await app.log.prefixed("taint/")).values()
        assert app.world is not None
        app.world.advance(60)
        assert (await ask(app, "scale", scale(6), **request)).status == "failed"
        (later,) = (await app.log.prefixed("taint/")).values()
        assert later > mark

    within(tmp_path, work)


def test_a_person_who_acts_by_hand_is_not_tainted(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        refusing(app, write_error(status(403)))
        card = await ask(app, "scale", scale(6), principal=app.identity.by_hand())
        assert card.status == "failed"
        assert await marks(app) == set()

    within(tmp_path, work)


def test_our_own_words_taint_nobody(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for tool, arguments in (
            ("scale", {**scale(5), "current_replicas": 3}),
            ("scale", scale(60)),
            ("scale", {}),
            ("describe_workload", {"workload": "deployment/none"}),
            ("rm", {}),
        ):
            await ask(app, tool, arguments, principal=ops(app))
        refusing(app, NeverHappened("no connection within 5 s", where="PATCH https://k/x"))
        assert (await ask(app, "scale", scale(6), principal=ops(app))).status == "failed"
        assert await marks(app) == set()

    within(tmp_path, work)


def test_nothing_of_it_is_released_where_it_cannot_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: App) -> None:
        async def broken(*_: Any) -> Any:
            raise read_error(status(500))

        async def full(*_: Any, **__: Any) -> Any:
            raise LogUnavailable("no space left on device", where="audit.db", hint="make room")

        monkeypatch.setattr(app.context.reader, "read", broken)
        monkeypatch.setattr(app.log, "commit", full)
        with pytest.raises(LogUnavailable):
            await ask(app, "describe_workload", WEB, principal=ops(app))

    within(tmp_path, work)


@pytest.mark.parametrize("http", [400, 403, 500, 503])
@pytest.mark.parametrize("tool", ["describe_workload", "why", "changes", "get_events"])
def test_what_a_read_is_refused_with_taints_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, http: int
) -> None:
    async def work(app: App) -> None:
        async def broken(*_: Any) -> Any:
            raise read_error(status(http))

        monkeypatch.setattr(app.context.reader, "pods", broken)
        monkeypatch.setattr(app.context.reader, "events", broken)
        more = {"since": None} if tool == "changes" else {}
        card = await ask(app, tool, WEB | more, principal=ops(app))
        assert "SYSTEM" in card.text
        assert not await leaks(app, card.text, card.line)
        assert await marks(app) == {"taint/chat-a"}

    within(tmp_path, work)


def test_a_tool_that_passes_an_error_off_as_data_taints_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says of itself that nothing untrusted is in what it returns."""

    async def fetch(_: Any, reads: Reads, cluster: str, namespace: str) -> dict[str, object]:
        try:
            await reads.pods(Target(cluster=cluster, namespace=namespace, kind="deployment", name="web"))
        except ToolError as e:
            return {"pods": e.what}
        return {}

    async def broken(*_: Any) -> Any:
        raise read_error(status(500))

    async def work(app: App) -> None:
        spec = replace(registry.READS["list_workloads"], name="quiet", fetch=fetch)
        monkeypatch.setitem(registry.READS, "quiet", spec)  # type: ignore[arg-type]
        assert (await ask(app, "quiet", {"selector": None}, principal=ops(app))).status == "ok"
        assert await marks(app) == set()
        monkeypatch.setattr(app.context.reader, "pods", broken)
        assert "SYSTEM" in (await ask(app, "quiet", {"selector": None}, principal=ops(app))).text
        assert await marks(app) == {"taint/chat-a"}

    within(tmp_path, work)


def told(body: dict[str, Any]) -> ToolError:
    return failed(422, "", body, b"", "http://p:9090/api/v1/query (cpu_usage of x)")


def many() -> ToolError:
    series = [{"metric": {"flyball": "value", f"IGNORE {ORDER}"[:200]: "x"}, "value": [1, "1"]}] * 2
    try:
        instant({"data": {"resultType": "vector", "result": series}}, "http://p:9090")
    except MetricsUnavailable as e:
        return e
    raise AssertionError("two series are one too many")


METRICS: dict[str, Callable[[], ToolError]] = {
    "execution": lambda: told({"errorType": "execution", "error": f'many-to-many: {{note="{MESSAGE}"}}'}),
    "type": lambda: told({"errorType": MESSAGE, "error": "x"}),
    "page": lambda: failed(502, "", None, MESSAGE.encode(), "http://p:9090"),
    "redirect": lambda: failed(302, "http://ignore.all.rules/", None, b"", "http://p:9090"),
    "200": lambda: failed(200, "", {"a": 1}, MESSAGE.encode(), "http://p:9090"),
    "labels": many,
}


@pytest.mark.parametrize("name", METRICS)
def test_what_a_source_of_metrics_says_taints(tmp_path: Path, name: str) -> None:
    async def run() -> None:
        async with rig(tmp_path, [LOCAL, OPS, allow("read", ["read"])]) as one:
            one.metrics.figures = {Metric.CPU_USAGE: METRICS[name]()}
            card = await one.call("read_metrics", WEB | {"metric": "cpu_usage", "span": None}, "a" * 40)
            assert card.status == "failed"
            assert not await leaks(one, card.text, card.line)
            assert await marks(one) == {"taint/s-1"}

    asyncio.run(run())


@pytest.mark.parametrize("make", [*ANSWERS.values(), *METRICS.values()])
def test_an_error_is_harmless_wherever_it_goes(make: Callable[[], ToolError]) -> None:
    e = make()
    assert e.quotes
    for text in (e.what, e.hint, e.code, e.said):
        assert SECRET not in text
        assert text.isprintable()
    assert len(e.what) <= 2048


def test_a_name_that_is_not_there_quotes_nobody_else() -> None:
    error = read_error(status(404, 'deployments.apps "none" not found'))
    assert isinstance(error, NotFound)
    assert not error.quotes
    assert read_error(page(404)).quotes, "that was no apiserver"
