"""Verdicts in a world's time, given by the duty: two changes of one night, and two of an autoscaler.

| change of the simulated shop                       | what must be so                                             |
|----------------------------------------------------|-------------------------------------------------------------|
| web's CPU limit far too low                        | errors burn: undone after about a minute, not at the deadline|
| checkout's CPU limit doubled                       | verified at the deadline, by the season, with its figures   |
| the bounds of checkout's HPA                       | judged as any change, and undone: theirs are its fields     |
"""

import uuid
from pathlib import Path
from typing import Any

from audit.verify import verify
from flyball.service.night import Night
from flyball.service.sweeps import VerifierDuty
from policies.types import Target
from tests.kit.installation import LOCAL, OPS, App, allow, within, write_policy
from tools.actions import registry
from tools.actions.set_autoscaler_bounds import LOWERS
from tools.path.learning import Lesson, learned
from tools.path.outcome import Applied
from tools.path.requests import build

MINUTE_MS = 60_000
BOUNDS: dict[str, Any] = {
    **{f"cpu{part}": {"min": "1m", "max": "8"} for part in ("Request", "Limit")},
    **{f"memory{part}": {"min": "1Mi", "max": "8Gi"} for part in ("Request", "Limit")},
    "replicas": {"min": 1, "max": 40, "maxStep": 40},
    "minReplicas": {"min": 1, "max": 40, "maxStep": 40},
    "maxReplicas": {"min": 1, "max": 40, "maxStep": 40},
    "targetPercent": {"min": 10, "max": 90},
}


def policies(folder: Path) -> Path:
    """One judged rule over the whole shop."""
    judged = {"verify": "65m", "metric": "latency_p95", "maxRatio": 1.2}
    rule = allow(
        "all", ["set_resources", "scale", "set_autoscaler_bounds", LOWERS], limits=BOUNDS, require=[judged]
    )
    rule["spec"]["target"] = {"clusters": ["sandbox"], "namespaces": ["shop"], "names": ["*"]}
    return write_policy(folder / "policies", [LOCAL, OPS, rule])


async def change(app: App, tool: str, name: str, **args: Any) -> Target:
    parsed = registry.parse(registry.action(tool).args, {"workload": f"deployment/{name}", **args})
    request = build(
        tool, parsed, id=uuid.uuid4().hex, principal=app.identity.by_hand(), cluster="sandbox", namespace="shop",
        mode="live", strategy="vertical", expects={"violations_after_ppm": 0, "replicas_mc": 4000},
    )  # fmt: skip
    result = await app.executor.execute(request)
    assert isinstance(result, Applied), result
    return request.target


async def pass_time(app: App, minutes: int) -> None:
    assert app.world is not None
    night = Night(app.world, [VerifierDuty(app)], app.context.clock)
    await night.run(minutes * 60)
    assert [turn.problem for turn in night.turns] == [""]


async def verdict_on(app: App, target: Target) -> tuple[str, dict[str, Any]]:
    (said,) = await app.log.find(kinds=("action.verified",), resource_key=target.key)
    return (said.record.labels or {})["verdict"], dict(said.record.observation or {})


async def lesson(app: App, target: Target) -> Lesson:
    return (await learned(app.log, [target]))[target.key]["vertical"]


def test_a_bad_and_a_good_change_of_a_night(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        web = await change(app, "set_resources", "web", cpu_limit="60m", cpu_request="50m")
        await pass_time(app, 3)
        word, seen = await verdict_on(app, web)
        assert (word, seen["at_once"]) == ("worse", True)
        assert "errors burn their budget" in seen["why"]
        assert seen["now"]["at_ms"] - seen["before"]["at_ms"] <= 2 * MINUTE_MS
        (back,) = await app.log.find(kinds=("action.rolled_back",), resource_key=web.key)
        assert back.record.labels == {"status": "applied"}
        limits = (await app.context.reader.read(web)).containers[0].resources
        assert (limits.cpu_request, limits.cpu_limit) == (500, 1000)
        assert (await lesson(app, web)).score == -500_000
        assert (await lesson(app, web)).cooled_until_ms > app.context.now_ms()

        checkout = await change(app, "set_resources", "checkout", cpu_limit="1")
        await pass_time(app, 66)
        word, seen = await verdict_on(app, checkout)
        effect = seen["effects"]["latency_p95"]
        assert (word, effect["worse"]) == ("verified", False)
        assert effect["placebos"] > 144
        assert seen["came"] == {"replicas_mc": 4000, "violations_after_ppm": 0}
        assert (await lesson(app, checkout)).score == 250_000
        assert await app.verifier.awaited() == []
        assert verify(app.place.log, app.log.verifier).findings == []

    within(tmp_path, work, policies(tmp_path))


def test_the_bounds_of_an_autoscaler_are_judged_and_put_back(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        web = await change(app, "set_autoscaler_bounds", "checkout", max_replicas=8)
        await pass_time(app, 66)
        assert (await verdict_on(app, web))[0] == "verified"

        held = await app.context.reader.autoscaler(web)
        await change(app, "set_autoscaler_bounds", "checkout", min_replicas=1, max_replicas=2, lower_max=True)
        await pass_time(app, 66)
        *_, said = await app.log.find(kinds=("action.verified",), resource_key=web.key)
        assert (said.record.labels or {})["verdict"] == "worse", said.record.observation
        assert held is not None
        now = await app.context.reader.autoscaler(web)
        assert now is not None
        assert (now.minimum, now.maximum) == (held.minimum, 8)

    within(tmp_path, work, policies(tmp_path))
