"""Attacks on set_autoscaler_bounds: others' HPAs, others' fields, what is not said, what is lost on its way."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from policies.types import Request
from sandbox.api import faults
from sandbox.api.apiserver import Write
from sandbox.api.faults import Fault, FaultKind
from sandbox.api.store import Key
from sandbox.writer import SimulatedWriter
from tests.kit.installation import App, doc, installation, write_policy
from tools.actions import registry
from tools.cluster_types import Patch, Precondition
from tools.errors import NeverHappened
from tools.path.outcome import Applied, Failed, Refused, Unknown
from tools.path.requests import build
from tools.path.undo import proposal

CHECKOUT = "deployment/checkout"
HPA = Key("horizontalpodautoscaler", "shop", "checkout")
LIMITS = {
    "minReplicas": {"min": 1, "max": 8, "maxStep": 4},
    "maxReplicas": {"min": 2, "max": 12},
    "targetPercent": {"min": 30, "max": 90},
}


def policies(folder: Path, *actions: str, **more: Any) -> Path:
    spec = {
        "roles": ["operator"], "actions": list(actions or ("set_autoscaler_bounds",)), "effect": "allow",
        "target": {"clusters": ["sandbox"], "namespaces": ["shop"], "kinds": ["deployment"], "names": ["*"]},
        "limits": LIMITS, **more,
    }  # fmt: skip
    people = {"subjects": ["group:local"], "role": "operator", "clusters": ["sandbox"]}
    return write_policy(
        folder / "p", [doc("RoleBinding", "people", people), doc("ActionPolicy", "floors", spec)]
    )


def on_sandbox(folder: Path, work: Callable[[App], Awaitable[None]], *actions: str, **more: Any) -> None:
    async def run() -> None:
        async with installation(folder, policies(folder, *actions, **more)) as app:
            await work(app)

    asyncio.run(run())


def asking(app: App, id: str = "set-bounds-1", workload: str = CHECKOUT, **values: Any) -> Request:
    spec = registry.action("set_autoscaler_bounds")
    args = registry.parse(spec.args, {"workload": workload, **values})
    return build(
        spec.name, args, id=id, principal=app.identity.by_hand(), cluster="sandbox", namespace="shop", mode="live"
    )  # fmt: skip


def hpa(app: App) -> dict[str, Any]:
    assert app.world is not None
    with app.world.store.read() as txn:
        found = txn.get(HPA)
    assert found is not None
    return found


def somebody(app: App, body: Any, key: Key = HPA, manager: str = "lena") -> None:
    assert app.world is not None
    app.world.send(Write("patch", key, "", body, manager))


def floor(app: App) -> int:
    return int(hpa(app)["spec"]["minReplicas"])


def refused_for(result: Any, stage: str, words: str) -> None:
    assert isinstance(result, Refused), result
    assert result.stage == stage
    assert words in result.detail


def test_the_floor_is_moved_and_the_hpa_obeys(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        somebody(app, {"spec": {"maxReplicas": 8}})
        request = asking(app, min_replicas=6)
        done = await app.executor.execute(request)
        assert isinstance(done, Applied), done
        assert done.after == {**done.after, "autoscaler": "checkout", "min_replicas": 6}
        app.world.advance(60)
        assert (await app.context.reader.read(request.target)).replicas >= 6
        assert hpa(app)["metadata"]["annotations"] == {"flyball.io/intent": done.intent}

    on_sandbox(tmp_path, work)


MARKS = {
    "argocd": {"annotations": {"argocd.argoproj.io/tracking-id":
               "shop:autoscaling/HorizontalPodAutoscaler:shop/checkout"}},
    "kustomization": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
    "configsync": {"annotations": {"configmanagement.gke.io/managed": "enabled",
                   "configsync.gke.io/resource-id": "autoscaling_horizontalpodautoscaler_shop_checkout"}},
    "unknown": {"ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout",
                "uid": "u-1", "controller": True}]},
}  # fmt: skip


@pytest.mark.parametrize("owner", MARKS)
def test_an_hpa_that_others_keep_is_not_fought(tmp_path: Path, owner: str) -> None:
    """It is the HPA's own keeper that counts, not the workload's."""

    async def work(app: App) -> None:
        somebody(app, {"metadata": MARKS[owner]})
        refused_for(
            await app.executor.execute(asking(app, min_replicas=3)), "ownership", f"{owner} owns this field"
        )
        assert floor(app) == 2

    on_sandbox(tmp_path, work)


def test_two_hpas_on_one_workload_are_refused_and_said(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        app.world.load([{"kind": "HorizontalPodAutoscaler", "metadata": {"name": "second", "namespace": "shop"},
                         "spec": {**hpa(app)["spec"], "minReplicas": 1}}])  # fmt: skip
        result = await app.executor.execute(asking(app, min_replicas=3))
        assert isinstance(result, Failed)
        assert "2 HPAs are aimed at it: checkout, second" in result.what
        assert floor(app) == 2

    on_sandbox(tmp_path, work)


def test_the_limits_of_the_hpas_numbers_bind(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for id, values, rule in (
            ("a", {"min_replicas": 7, "max_replicas": 9}, "limits.minReplicas.maxStep"),
            ("b", {"max_replicas": 13}, "limits.maxReplicas.max"),
            ("c", {"target_percent": 91}, "limits.targetPercent.max"),
        ):
            result = await app.executor.execute(asking(app, f"set-bounds-{id}", **values))
            assert isinstance(result, Refused), result
            assert rule in f"{result.rule} {result.detail}"
        assert floor(app) == 2

    on_sandbox(tmp_path, work)


def test_the_right_to_move_bounds_is_none_to_lower_the_maximum(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        unsaid = await app.executor.execute(asking(app, max_replicas=3))
        assert isinstance(unsaid, Failed), unsaid
        said = await app.executor.execute(asking(app, "set-bounds-2", max_replicas=3, lower_max=True))
        assert isinstance(said, Refused)
        hidden = asking(app, "set-bounds-3", max_replicas=3, lower_max=True)
        forged = hidden.model_copy(update={"action": "set_autoscaler_bounds"})
        assert not isinstance(await app.executor.execute(forged), Applied)
        assert hpa(app)["spec"]["maxReplicas"] == 4

    on_sandbox(tmp_path, work)


def test_the_right_to_scale_is_none_to_move_bounds(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert isinstance(await app.executor.execute(asking(app, min_replicas=3)), Refused)
        assert floor(app) == 2

    on_sandbox(tmp_path, work, "scale", limits={"replicas": {"min": 1, "max": 9}})


def test_a_permit_for_one_workload_opens_no_other_hpa(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        assert app.world is not None
        other = {
            **hpa(app)["spec"],
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        }
        app.world.load(
            [
                {
                    "kind": "HorizontalPodAutoscaler",
                    "metadata": {"name": "web", "namespace": "shop"},
                    "spec": other,
                }
            ]
        )
        request = asking(app, min_replicas=3)
        decision, _ = await app.executor.preview(request)
        assert decision.permit is not None
        with app.world.store.read() as txn:
            meta = (txn.get(Key(HPA.kind, "shop", "web")) or {})["metadata"]
        guard = Precondition(meta["uid"], meta["resourceVersion"])
        patch = Patch("", {"spec": {"minReplicas": 4}}, autoscaler="web")
        with pytest.raises(NeverHappened, match="aimed at this workload"):
            await SimulatedWriter(app.world).set_bounds(
                decision.permit, "intent-1", request.target, patch, guard
            )

    on_sandbox(tmp_path, work)


@pytest.mark.parametrize(("kind", "says", "left"), [
    (FaultKind.TIMEOUT_AFTER, "applied", 3),
    (FaultKind.TIMEOUT_BEFORE, "not_applied", 2),
    (FaultKind.OVERWRITTEN, "applied", 2),
])  # fmt: skip
def test_an_answer_that_is_lost_is_found_out_by_the_mark(
    tmp_path: Path, kind: FaultKind, says: str, left: int
) -> None:
    """Also where somebody has put the floor back since: the mark stays."""

    async def work(app: App) -> None:
        assert app.world is not None
        with app.world.store.write() as txn:
            faults.plan(txn, [Fault(kind, "write")])
        lost = await app.executor.execute(asking(app, min_replicas=3))
        assert isinstance(lost, Unknown), lost
        await app.executor.resolver.sweep()
        intent = await app.log.by_id(lost.intent)
        assert intent is not None
        (end,) = await app.context.journal.of_intent(intent.record)
        assert end.record.outcome is not None
        assert (end.record.outcome.status, floor(app)) == (says, left), end.record.outcome.detail

    on_sandbox(tmp_path, work)


def test_a_floor_that_somebody_put_back_after_a_lost_write_is_left_to_a_person(tmp_path: Path) -> None:
    """With our mark taken away as well, nothing tells that it never happened."""

    async def work(app: App) -> None:
        assert app.world is not None
        with app.world.store.write() as txn:
            faults.plan(txn, [Fault(FaultKind.TIMEOUT_AFTER, "write")])
        assert isinstance(await app.executor.execute(asking(app, min_replicas=3)), Unknown)
        app.world.advance(5)
        somebody(app, {"spec": {"minReplicas": 2}, "metadata": {"annotations": {"flyball.io/intent": None}}})
        (found,) = await app.executor.resolver.sweep()
        assert isinstance(found, Unknown)
        assert "another writer has changed it since" in found.why

    on_sandbox(tmp_path, work)


def test_an_undo_puts_back_only_what_is_still_ours(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        done = await app.executor.execute(asking(app, min_replicas=3))
        assert isinstance(done, Applied)
        somebody(app, {"spec": {"maxReplicas": 9}})
        back = await proposal(
            app.context, done.record, id="the-undo-1", principal=app.identity.by_hand(), mode="live"
        )
        assert isinstance(await app.executor.execute(back), Applied)
        assert (floor(app), hpa(app)["spec"]["maxReplicas"]) == (2, 9)
        again = await app.executor.execute(asking(app, "set-bounds-2", min_replicas=4))
        assert isinstance(again, Applied)
        somebody(app, {"spec": {"minReplicas": 5}})
        late = await proposal(
            app.context, again.record, id="the-undo-2", principal=app.identity.by_hand(), mode="live"
        )
        refused = await app.executor.execute(late)
        assert isinstance(refused, Failed), refused
        assert "now 5, we left 4" in refused.what
        assert "last writer lena" in refused.what
        assert floor(app) == 5

    on_sandbox(tmp_path, work)


def test_the_right_of_way_of_an_undo_ends_where_somebody_wrote(tmp_path: Path) -> None:
    """Back to our number by another's hand is not ours any more: the cooldown holds for its undo."""

    async def work(app: App) -> None:
        done = await app.executor.execute(asking(app, min_replicas=3))
        assert isinstance(done, Applied)
        somebody(app, {"spec": {"minReplicas": 4}})
        somebody(app, {"spec": {"minReplicas": 3}})
        back = await proposal(
            app.context, done.record, id="the-undo-1", principal=app.identity.by_hand(), mode="live"
        )
        refused_for(await app.executor.execute(back), "cooldown", "wait")

    on_sandbox(tmp_path, work, cooldown="10m")


def test_new_requests_move_no_scale_point_unsaid(tmp_path: Path) -> None:
    """Neither in the template nor in place, nor by an old look: the HPA is read for the very request."""

    async def work(app: App) -> None:
        spec = registry.action("set_resources")
        for n, values in enumerate(({"cpu_request": "400m"}, {"cpu_request": "400m", "in_place": True})):
            args = registry.parse(spec.args, {"workload": CHECKOUT, **values})
            request = build(
                spec.name, args, id=f"set-cpu-{n}", principal=app.identity.by_hand(), cluster="sandbox",
                namespace="shop", mode="live",
            )  # fmt: skip
            result = await app.executor.execute(request)
            assert isinstance(result, Failed), result
            assert "it adds pods at 70% of the CPU requests" in result.what
            assert "flyball act set-autoscaler-bounds deployment/checkout" in result.hint
        assert hpa(app)["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70

    amounts = {"min": "1m", "max": "8"}
    limits = {"cpuRequest": amounts, "cpuLimit": amounts}
    limits |= {name: {"min": "1Mi", "max": "8Gi"} for name in ("memoryRequest", "memoryLimit")}
    on_sandbox(tmp_path, work, "set_resources", limits=limits)
