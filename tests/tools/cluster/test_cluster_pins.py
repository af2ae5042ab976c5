"""A cluster's name is held to the UID of its kube-system namespace."""

import json
import threading
from pathlib import Path

import pytest

from tools.cluster.cluster_pins import ClusterPins
from tools.cluster_types import ClusterIdentity
from tools.errors import ClusterMismatch

PROD = ClusterIdentity("prod", "u-prod", "https://prod")
STAGING = ClusterIdentity("staging", "u-staging", "https://staging")


def test_the_first_use_pins_and_later_ones_compare(tmp_path: Path) -> None:
    path = tmp_path / "state" / "pins.json"
    ClusterPins(path).check(PROD)
    ClusterPins(path).check(STAGING)
    ClusterPins(path).check(PROD)
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())["pins"]) == {"prod", "staging"}


def test_a_context_renamed_to_another_clusters_name_is_refused(tmp_path: Path) -> None:
    pins = ClusterPins(tmp_path / "pins.json")
    pins.check(STAGING)
    with pytest.raises(ClusterMismatch) as error:
        pins.check(ClusterIdentity("staging", "u-prod", "https://prod"))
    assert "u-staging" in error.value.what
    assert "u-prod" in error.value.what
    assert "staging" in error.value.hint
    pins.check(STAGING)


def test_a_new_address_of_the_same_cluster_is_no_mismatch(tmp_path: Path) -> None:
    pins = ClusterPins(tmp_path / "pins.json")
    pins.check(PROD)
    pins.check(ClusterIdentity("prod", "u-prod", "https://moved"))
    assert json.loads((tmp_path / "pins.json").read_text())["pins"]["prod"]["server"] == "https://moved"


def test_a_file_cut_off_at_any_byte_is_refused_not_forgotten(tmp_path: Path) -> None:
    """Losing the pins silently would pin the next cluster that comes by."""
    path = tmp_path / "pins.json"
    ClusterPins(path).check(PROD)
    whole = path.read_bytes()
    for length in range(len(whole.rstrip())):
        path.write_bytes(whole[:length])
        with pytest.raises(ClusterMismatch):
            ClusterPins(path).check(PROD)


def test_two_first_uses_at_once_pin_one_cluster(tmp_path: Path) -> None:
    path, lost = tmp_path / "pins.json", []

    def first_use(uid: str) -> None:
        try:
            ClusterPins(path).check(ClusterIdentity("prod", uid, "https://prod"))
        except ClusterMismatch:
            lost.append(uid)

    threads = [threading.Thread(target=first_use, args=(f"u-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 7
