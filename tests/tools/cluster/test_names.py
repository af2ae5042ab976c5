"""`deploy/web` as kubectl writes it, and nothing that is not exactly a name: rejected, never normalised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.effort import examples
from tests.security.test_arguments import NAMES
from tools.cluster.names import KINDS, namespace_target, target
from tools.errors import ArgumentsInvalid


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ArgumentsInvalid) as refused:
        target("sandbox", "shop", NAMES[name])
    assert len(refused.value.what) < 200
    assert refused.value.hint


@pytest.mark.parametrize("alias", [a for kind, aliases in KINDS.items() for a in (kind, *aliases)])
def test_every_alias_of_kubectl_is_its_kind(alias: str) -> None:
    kind = next(k for k, aliases in KINDS.items() if alias in (k, *aliases))
    found = target("sandbox", "shop", f"{alias}/web-1.a")
    assert (found.kind, found.name, found.key) == (kind, "web-1.a", f"sandbox/shop/{kind}/web-1.a")


@examples(200)
@given(st.text(max_size=30))
def test_a_name_is_taken_as_it_is_or_not_at_all(name: str) -> None:
    try:
        found = target("sandbox", "shop", f"deploy/{name}")
    except ArgumentsInvalid:
        return
    assert found.name == name
    assert name.isascii()


@pytest.mark.parametrize(
    "namespace", ["", "SHOP", "a/b", "..", "*", "kube_system", "ѕhop", "shop\n", "a" * 64, "-a"]
)
def test_a_namespace_is_a_label(namespace: str) -> None:
    with pytest.raises(ArgumentsInvalid):
        namespace_target("sandbox", namespace)
    with pytest.raises(ArgumentsInvalid):
        target("sandbox", namespace, "deploy/web")


@pytest.mark.parametrize("cluster", ["", "../x", "a b", "prod\n", "рrod", "-prod", "a" * 254])
def test_a_clusters_name_keeps_claims_and_leases_apart(cluster: str) -> None:
    with pytest.raises(ArgumentsInvalid):
        target(cluster, "shop", "deploy/web")
