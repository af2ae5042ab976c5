"""The writer against a real apiserver: what takes effect, what is refused, what stays in doubt."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from ruamel.yaml import YAML

from audit.clock import SystemClock
from policies.types import Target
from tests.contract.harness import Hand, at_rest
from tests.contract.real import RealUnderTest
from tests.real.cluster import Namespace, eventually, rule
from tools.cluster.connect import connect
from tools.cluster_types import Patch, Precondition, Workload
from tools.errors import DefiniteConflict, MayHaveHappened, NeverHappened

pytestmark = pytest.mark.real
T = TypeVar("T")
GET = rule("get", "deployments")
SCALE_ONLY = rule("get,patch,update", "deployments/scale")
LIST_HPA = rule("list", "horizontalpodautoscalers", "autoscaling")


def acting(
    kube: Namespace, use: Callable[[RealUnderTest], Awaitable[T]], kubeconfig: Path | None = None
) -> T:
    """Connect as that kubeconfig's user (by default the administrator), act, close."""

    async def run() -> T:
        cluster = await connect(None, kubeconfig or kube.plane.kubeconfig, clock=SystemClock(), name="real")
        try:
            return await use(RealUnderTest(kube, cluster))
        finally:
            await cluster.close()

    return asyncio.run(run())


def web(kube: Namespace) -> Target:
    return Target(cluster="real", namespace=kube.name, kind="deployment", name="web")


def to(replicas: int) -> Patch:
    return Patch("scale", {"spec": {"replicas": replicas}})


def test_a_scale_takes_effect_and_is_marked(kube: Namespace) -> None:
    kube.workload("web", replicas=2)
    kube.settled("web")

    async def use(c: RealUnderTest) -> tuple[Workload, str]:
        hand = Hand(c)
        intent = hand.intent()
        return await hand.scale(web(kube), 4, intent=intent), intent

    after, intent = acting(kube, use)
    stored = kube.settled("web")
    assert (after.replicas, stored["spec"]["replicas"], stored["status"]["readyReplicas"]) == (4, 4, 4)
    assert after.generation == stored["metadata"]["generation"] == 2
    marks = [one for one in stored["metadata"]["managedFields"] if one["manager"] == f"flyball-{intent}"]
    assert [(one["operation"], one["subresource"]) for one in marks] == [("Update", "scale")]


def test_scale_to_zero_and_back(kube: Namespace) -> None:
    """The API leaves a zero out of its answer; it is still a zero."""
    kube.workload("web", replicas=1)
    kube.settled("web")

    async def use(c: RealUnderTest) -> list[int]:
        hand = Hand(c)
        found = []
        for wanted in (0, 1):
            seen = await at_rest(c, web(kube))
            found.append((await hand.scale(web(kube), wanted, seen=seen)).replicas)
        return found

    assert acting(kube, use) == [0, 1]


def test_a_dry_run_leaves_the_version_equal(kube: Namespace) -> None:
    kube.workload("web", replicas=2)
    before = kube.settled("web")
    after = acting(kube, lambda c: Hand(c).scale(web(kube), 4, mode="dry_run"))
    assert after.replicas == 4
    assert kube.get("web")["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_the_apiservers_audit_log_keeps_the_intent(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> str:
        hand = Hand(c)
        intent = hand.intent()
        await hand.scale(web(kube), 3, intent=intent)
        return intent

    intent = acting(kube, use)
    events = eventually(lambda: kube.audit_events(auditID=intent), "the audit event")
    assert [one["verb"] for one in events] == ["patch"]
    assert events[0]["objectRef"]["subresource"] == "scale"
    assert events[0]["responseStatus"]["code"] == 200


def test_somebody_elses_write_makes_a_conflict(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> None:
        seen = await c.reader.read(web(kube))
        kube.scale("web", 5)
        with pytest.raises(DefiniteConflict) as error:
            await Hand(c).scale(web(kube), 4, seen=seen)
        assert (error.value.http, error.value.code) == (409, "Conflict")

    acting(kube, use)
    assert kube.get("web")["spec"]["replicas"] == 5


def test_an_invalid_value_never_happened(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")
    with pytest.raises(NeverHappened) as error:
        acting(kube, lambda c: Hand(c).scale(web(kube), -1))
    assert (error.value.http, error.value.code) == (422, "Invalid")


def test_an_unknown_field_is_refused_not_dropped(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")
    with pytest.raises(NeverHappened) as error:
        acting(kube, lambda c: Hand(c).write(web(kube), Patch("", {"spec": {"replicsa": 3}})))
    assert error.value.http in (400, 422)
    assert "replicsa" in error.value.what


def test_a_missing_right_is_named(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")
    limited = kube.user("viewer", GET, LIST_HPA)
    with pytest.raises(NeverHappened) as error:
        acting(kube, lambda c: Hand(c).scale(web(kube), 3), limited)
    user = f"system:serviceaccount:{kube.name}:viewer"
    assert error.value.http == 403
    assert f"give {user} a Role in namespace {kube.name}" in error.value.hint
    assert 'resources: ["deployments/scale"], verbs: ["patch"]' in error.value.hint
    assert f"kubectl auth can-i patch deployments.apps --subresource=scale -n {kube.name}" in error.value.hint


def test_a_quota_is_not_called_a_missing_right(kube: Namespace) -> None:
    """A 403 of admission: no RBAC rule would help. Its message is anybody's text."""
    message = "five at most, password=hunter2canary"
    kube.workload("web")
    kube.settled("web")
    policy = {
        "metadata": {"name": f"cap-{kube.name}"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": kube.name}},
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["deployments/scale"],
                    }
                ],
            },
            "validations": [
                {"expression": "object.spec.replicas <= 5", "message": message, "reason": "Forbidden"}
            ],
        },
    }
    binding = {
        "metadata": {"name": f"cap-{kube.name}"},
        "spec": {"policyName": f"cap-{kube.name}", "validationActions": ["Deny"]},
    }
    group = "/apis/admissionregistration.k8s.io/v1"
    kube.api.post(f"{group}/validatingadmissionpolicies", policy)
    kube.api.post(f"{group}/validatingadmissionpolicybindings", binding)

    def capped() -> NeverHappened | None:
        try:
            acting(kube, lambda c: Hand(c).scale(web(kube), 9, mode="dry_run"))
        except NeverHappened as error:
            return error
        return None

    error = eventually(capped, "the admission policy to bite")
    assert error.http == 403
    assert "five at most" in error.what
    assert "no RBAC rule is missing" in error.hint
    assert error.quotes
    assert "hunter2canary" not in f"{error.what} {error.hint}"


def test_a_fence_by_annotation_stops_a_held_write(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> None:
        hand = Hand(c)
        intent, seen = hand.intent(), await c.reader.read(web(kube))
        fenced = await c.writer.fence(web(kube), intent)
        assert fenced.annotations["flyball.io/fence"] == intent
        with pytest.raises(DefiniteConflict):
            await hand.scale(web(kube), 4, seen=seen, intent=intent)

    acting(kube, use)
    assert kube.get("web")["spec"]["replicas"] == 2


def test_a_fence_with_scale_rights_only(kube: Namespace) -> None:
    """The apply keeps the replicas, moves the version, and stays an owner until the next update."""
    kube.workload("web")
    kube.settled("web")
    limited = kube.user("scaler", GET, SCALE_ONLY, LIST_HPA)

    async def use(c: RealUnderTest) -> str:
        hand = Hand(c)
        intent, seen = hand.intent(), await c.reader.read(web(kube))
        fenced = await c.writer.fence(web(kube), intent)
        assert (fenced.replicas, fenced.generation) == (seen.replicas, seen.generation)
        assert fenced.resource_version != seen.resource_version
        with pytest.raises(DefiniteConflict):
            await hand.scale(web(kube), 4, seen=seen, intent=intent)
        return intent

    intent = acting(kube, use, limited)
    stored = kube.get("web")
    assert stored["spec"]["replicas"] == 2
    owners = [one["manager"] for one in stored["metadata"]["managedFields"] if one["operation"] == "Apply"]
    assert owners == [f"flyball-fence-{intent}"]
    events = kube.audit_events(auditID=f"{intent}-fence", verb="patch")
    assert sorted(one["responseStatus"]["code"] for one in events) == [200, 403]


def test_a_write_of_a_limited_account_needs_no_more_than_scale(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")
    limited = kube.user("scaler", GET, SCALE_ONLY, LIST_HPA)
    assert acting(kube, lambda c: Hand(c).scale(web(kube), 3), limited).replicas == 3
    with pytest.raises(NeverHappened) as error:
        acting(kube, lambda c: Hand(c).write(web(kube), Patch("", {"spec": {"paused": True}})), limited)
    assert error.value.http == 403


def test_a_frozen_apiserver_leaves_a_doubt_within_ten_seconds(kube: Namespace) -> None:
    """The write is in the hands of a server that may take it up when it wakes: nobody here can know."""
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> float:
        seen = await c.reader.read(web(kube))
        with kube.plane.frozen_apiserver():
            started = time.monotonic()
            with pytest.raises(MayHaveHappened):
                await Hand(c).scale(web(kube), 4, seen=seen)
            return time.monotonic() - started

    assert acting(kube, use) < 10.5
    eventually(lambda: kube.api.get("/readyz"), "the apiserver to wake")


def test_a_dead_apiserver_never_got_it(kube: Namespace) -> None:
    """No connection can be made, so nothing was sent. A broken one that was open is a doubt, and stays one."""
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> list[type]:
        seen, kinds = await c.reader.read(web(kube)), []
        kube.plane.stop_apiserver()
        await asyncio.sleep(0.2)  # the resets of the open connections arrive
        for _ in range(2):
            try:
                await Hand(c).scale(web(kube), 4, seen=seen)
            except (NeverHappened, MayHaveHappened) as error:
                kinds.append(type(error))
        return kinds

    try:
        assert acting(kube, use)[-1] is NeverHappened
    finally:
        kube.plane.start_apiserver()
    assert kube.get("web")["spec"]["replicas"] == 2


def test_one_patch_of_ours_is_one_of_theirs(kube: Namespace) -> None:
    """The apiserver's audit log counts exactly one request for each intent."""
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> list[str]:
        hand, sent = Hand(c), []
        for replicas in (3, 4, 5):
            sent.append(hand.intent())
            await hand.scale(web(kube), replicas, intent=sent[-1], seen=await at_rest(c, web(kube)))
        return sent

    sent = acting(kube, use)
    for intent in sent:
        assert len(eventually(lambda intent=intent: kube.audit_events(auditID=intent), "the event")) == 1


def test_an_exec_plugin_signs_in(kube: Namespace, tmp_path: Path) -> None:
    kube.workload("web")
    kube.settled("web")
    kube.user("plugged", GET, SCALE_ONLY, LIST_HPA)
    status = f'{{"token": "{kube.token("plugged")}"}}'
    credential = (
        f'{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}}}'
    )
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{credential}'\n")
    plugin.chmod(0o700)
    exec_block = (
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}"
    )
    config = kube.plane.write_kubeconfig(tmp_path / "exec.kubeconfig", "plugged", exec_block)
    assert acting(kube, lambda c: Hand(c).scale(web(kube), 3), config).replicas == 3


def test_impersonation_holds_for_reads_and_writes(kube: Namespace, tmp_path: Path) -> None:
    """Threat 29: an administrator who says `as` has the rights of that user and no others, as with kubectl."""
    kube.workload("web", replicas=2)
    kube.settled("web")
    kube.user("looker", GET, LIST_HPA)
    kube.user("scaler", GET, SCALE_ONLY, LIST_HPA)
    intents: list[str] = []

    async def scale(c: RealUnderTest) -> Workload:
        hand, seen = Hand(c), await c.reader.read(web(kube))
        intents.append(hand.intent())
        return await hand.scale(web(kube), 3, intent=intents[-1], seen=seen)

    with pytest.raises(NeverHappened) as error:
        acting(kube, scale, _impersonating(kube, tmp_path, "looker"))
    assert error.value.http == 403
    assert f'User "system:serviceaccount:{kube.name}:looker" cannot patch' in error.value.what
    assert kube.get("web")["spec"]["replicas"] == 2
    more = {"as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": {"x.io/Why": ["one", "two"]}}
    assert acting(kube, scale, _impersonating(kube, tmp_path, "scaler", **more)).replicas == 3
    (event,) = eventually(lambda: kube.audit_events(auditID=intents[-1]), "the event")
    assert event["impersonatedUser"] == {
        "username": f"system:serviceaccount:{kube.name}:scaler",
        "uid": "7",
        "groups": ["a", "b", "system:authenticated"],
        "extra": {"x.io/why": ["one", "two"]},
    }


def _impersonating(kube: Namespace, folder: Path, user: str, **more: object) -> Path:
    """The administrator's kubeconfig, as that ServiceAccount."""
    document = YAML(typ="safe", pure=True).load(kube.plane.kubeconfig.read_text())
    document["users"][0]["user"] |= {"as": f"system:serviceaccount:{kube.name}:{user}", **more}
    path = folder / f"as-{user}.kubeconfig"
    path.write_text(json.dumps(document))
    return path


def test_an_expired_permit_is_never_sent(kube: Namespace) -> None:
    kube.workload("web")
    kube.settled("web")

    async def use(c: RealUnderTest) -> str:
        hand, seen = Hand(c), await c.reader.read(web(kube))
        intent = hand.intent()
        precondition = Precondition(seen.uid, seen.resource_version)
        with pytest.raises(NeverHappened) as error:
            await c.writer.apply(hand.permit(seen, for_ms=0), intent, web(kube), to(4), precondition)
        assert error.value.code == "PermitExpired"
        return intent

    assert kube.audit_events(auditID=acting(kube, use)) == []
