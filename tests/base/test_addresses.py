"""Addresses to which nothing is ever sent (threat 19), in whatever spelling of IPv6 they come."""

import pytest

from base.addresses import forbidden, loopback

METADATA = (
    "169.254.169.254", "169.254.170.2", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("ip", METADATA)
def test_metadata_and_link_local_addresses_are_forbidden(ip: str) -> None:
    assert forbidden(ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.0.0.7", "192.168.1.4", "::1", "fd12::7", "8.8.8.8"])
def test_where_a_prometheus_or_a_receiver_may_be(ip: str) -> None:
    assert not forbidden(ip)


@pytest.mark.parametrize(("host", "is_it"), [
    ("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
    ("localhost.example.com", False), ("10.0.0.1", False), ("example.com", False), ("", False),
])  # fmt: skip
def test_this_machine_is_known_by_its_own_names_only(host: str, is_it: bool) -> None:
    assert loopback(host) is is_it
