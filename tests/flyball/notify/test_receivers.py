"""The file of receivers: what is not understood is an error, and an address is a credential (threats 19 and 20)."""

import asyncio
from pathlib import Path

import pytest

from base.errors import FlyballError
from flyball.notify.address import Address, AddressInvalid, Unreachable, parse, resolve
from flyball.notify.post import Caps, post
from flyball.notify.receivers import Receiver, receivers
from tests.base.test_addresses import METADATA
from tests.flyball.notify.receiver import SECRET

GOOD = '[[receiver]]\nname = "a"\nkind = "slack"\nurl = "https://hooks.example.com/services/s3cr3t"\n'


def written(folder: Path, text: str) -> str:
    (folder / "notify.toml").write_text(text)
    return str(folder / "notify.toml")


def test_one_is_read_with_its_secret(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(SECRET + b"\n")
    (one,) = receivers(written(tmp_path, GOOD + 'secret_file = "s"\ntopics = ["pending"]\n'))
    assert (one.name, one.kind, one.secret, one.topics) == ("a", "slack", SECRET, {"pending"})
    assert receivers("") == ()
    assert "s3cr3t" not in f"{one!r} {one.address} {one.address!r}"
    assert SECRET.decode() not in repr(one)


@pytest.mark.parametrize("text", [
    "nonsense", "x = 1", "[receiver]\nname = 'a'", GOOD + "more = 1\n", GOOD + GOOD,
    GOOD.replace('"slack"', '"sms"'), GOOD.replace('"a"', '"A b"'), GOOD + 'topics = ["all"]\n',
    GOOD + "topics = []\n",
    GOOD.replace("slack", "webhook"), GOOD + 'secret_file = "missing"\n', GOOD.replace("https", "http"),
    GOOD.replace("https://", "ftp://"), GOOD.replace("https://", "https://user:pw@"), GOOD * 21,
], ids=range(15))  # fmt: skip
def test_what_is_not_understood_is_a_mistake_with_its_place(text: str, tmp_path: Path) -> None:
    with pytest.raises(FlyballError) as no:
        receivers(written(tmp_path, text))
    assert no.value.effect == "usage"
    assert no.value.where.startswith(str(tmp_path))
    assert "s3cr3t" not in f"{no.value.what} {no.value.hint}"


@pytest.mark.parametrize("secret", [b"", b"short", b"\n\n", b"x" * 20_000])
def test_a_secret_that_protects_nothing_is_refused(secret: bytes, tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(secret)
    with pytest.raises(FlyballError):
        receivers(written(tmp_path, GOOD + 'secret_file = "s"\n'))


@pytest.mark.parametrize("url", [
    "http://receiver.monitoring/x", "http://10.0.0.1/x", "https://", "https://a:0/", "https://a/#x", "//a/x", "a/x",
    "https://a b/", "https://u@a/", "https://a%2fb/", "file:///etc/passwd", "https://a\\@b/", "https://ä/",
    "https://a:99999/", "https://[::1",
])  # fmt: skip
def test_what_no_receiver_may_have_as_its_address(url: str) -> None:
    with pytest.raises(AddressInvalid):
        parse(url)


@pytest.mark.parametrize("ip", METADATA)
def test_nothing_is_sent_to_an_address_that_hands_out_credentials(ip: str) -> None:
    one = Receiver("a", "slack", Address("https", ip, 443, "/latest/meta-data"), frozenset())
    answer = asyncio.run(post(one, b"{}", {}, Caps(1, 1, 1)))
    assert answer.end == "failed"
    assert "metadata service" in answer.why


def test_an_error_never_repeats_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://nowhere")
    one = Receiver("a", "slack", Address("https", "example.com", 443, "/services/s3cr3t"), frozenset())
    answer = asyncio.run(post(one, b"{}", {}, Caps(1, 1, 1)))
    assert answer.end == "failed"
    assert "proxy" in answer.why
    assert "s3cr3t" not in answer.why


@pytest.mark.parametrize("host", ["a..example.com", "a" * 64 + ".example.com"])
def test_a_host_that_is_no_name_is_one_that_is_not_reached(host: str) -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        asyncio.run(resolve(parse(f"https://{host}/x")))
