"""Attacks on the way to the model (threat 31): what would carry a conversation to another place.

| what happens | then |
|---|---|
| the endpoint redirects, to another origin or its own | not followed; the error names the origin only |
| a proxy of the environment, and the endpoint is this machine, or NO_PROXY names it | direct |
| a proxy, and the endpoint is elsewhere | through it; a dead one is named, without its password |
| a proxy that is none, or speaks SOCKS; CAs that are not there | refused at once, by name |
| a certificate of another CA than `model_ca` names | nothing is said |
"""

import asyncio
import os
import ssl
from pathlib import Path

import pytest

from agents.errors import ModelError, ModelUnavailable
from agents.models.endpoint import Endpoint
from agents.models.openai_chat import connect
from agents.ops import history
from tests.agents.chat import client
from tests.kit.scripted_model import ScriptedModel, Step, say
from tests.real.pki import Authority

DEAD = "http://joe:hidden@127.0.0.1:1"
OK = say("fine")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the proxies and CAs of the machine that the tests run on."""
    for name in [
        name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL_CERT")
    ]:
        monkeypatch.delenv(name)


async def _hello(url: str) -> str:
    model = client(url)
    try:
        return (await model.complete([history.user("u", "hi")], [], max_tokens=50)).text
    finally:
        await model.close()


def arrived(host: str, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> str:
    """The reply of `host` on the port of a server that would do as a proxy too, with PORT in `environ` for it."""

    async def run() -> str:
        async with ScriptedModel([OK]) as server:
            port = server.url.partition("127.0.0.1:")[2].removesuffix("/v1")
            for name, value in environ.items():
                monkeypatch.setenv(name, value.replace("PORT", port))
            return await _hello(f"http://{host}:{port}/v1")

    return asyncio.run(run())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["chat/completions", "chat/completions?session=s3cret"])
def test_a_redirect_is_not_followed(status: int, path: str) -> None:
    async def run() -> tuple[ModelError, list[str], str]:
        async with ScriptedModel([OK]) as other:
            there = other.url.removesuffix("/v1")
            step = Step(status=status, location=f"{there.replace('//', '//joe:hidden@')}/v1/{path}")
            async with ScriptedModel([step]) as server:
                with pytest.raises(ModelUnavailable) as caught:
                    await _hello(server.url)
            return caught.value, other.seen, there

    error, seen, there = asyncio.run(run())
    assert seen == []
    assert error.what == f"HTTP {status}: a redirect to {there}"
    assert "set model_url" in error.hint


@pytest.mark.parametrize("location", [None, "/v1/elsewhere", "http://[::1", "http://\u202eevil"])
def test_a_redirect_to_nowhere_is_none_the_less_one(location: str | None) -> None:
    async def run() -> ModelError:
        async with ScriptedModel([Step(status=307, location=location), OK]) as server:
            with pytest.raises(ModelUnavailable, match="a redirect") as caught:
                await _hello(server.url)
            assert len(server.requests) == 1
            return caught.value

    assert asyncio.run(run()).what.isprintable()


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({"HTTP_PROXY": DEAD}, "127.0.0.1"),
        ({"http_proxy": DEAD, "NO_PROXY": "127.0.0.1,fe80::/10"}, "localhost"),
        ({"ALL_PROXY": "socks5://127.0.0.1:9"}, "127.0.0.1"),
        ({"HTTP_PROXY": "127.0.0.1:9", "NO_PROXY": "localhost,127.0.0.1,::1,[::1]"}, "127.0.0.1"),
        ({"HTTP_PROXY": "http://[::1"}, "127.0.0.1"),
        ({"SSL_CERT_FILE": "/nonexistent.pem"}, "127.0.0.1"),
        ({"HTTP_PROXY": "http://127.0.0.1:PORT"}, "model.invalid"),
        ({"http_proxy": "127.0.0.1:PORT", "NO_PROXY": "10.0.0.0/8"}, "192.0.2.2"),
    ],
)
def test_the_way_that_the_environment_says(
    environ: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert arrived(host, monkeypatch, environ) == "fine"


@pytest.mark.parametrize("url", ["http://model.invalid/v1", "https://model.invalid/v1"])
def test_a_dead_proxy_is_named_without_its_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", DEAD)
    monkeypatch.setenv("HTTPS_PROXY", DEAD)
    with pytest.raises(ModelUnavailable) as caught:
        asyncio.run(_hello(url))
    assert "through the proxy http://127.0.0.1:1 (HTTP" in caught.value.where
    assert "hidden" not in f"{caught.value.what} {caught.value.where} {caught.value.hint}"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTPS_PROXY", "socks5://127.0.0.1:9", "`socks5` proxy"),
        ("HTTPS_PROXY", "http://[::1", "not the address"),
        ("SSL_CERT_FILE", "/nonexistent.pem", "No such file"),
        ("SSL_CERT_FILE", __file__, "certificates of the CAs"),
    ],
)
def test_what_is_of_no_use_is_refused_before_anything_is_said(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ModelUnavailable, match=said) as caught:
        connect(Endpoint("https://model.invalid/v1", "m"))
    assert name in caught.value.where


@pytest.mark.parametrize("mine", [True, False])
def test_a_certificate_is_held_against_the_ca_that_is_set(mine: bool, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.server("server"))

    async def run() -> tuple[str, int]:
        async with ScriptedModel([OK], tls=tls) as server:
            ca = str((authority if mine else other).ca)
            model = connect(Endpoint(server.url, "m", retries=0, ca=ca))
            try:
                return (await model.complete([], [], max_tokens=9)).text, len(server.requests)
            except ModelUnavailable as error:
                return error.what, len(server.requests)
            finally:
                await model.close()

    said, requests = asyncio.run(run())
    assert requests == mine
    assert said == "fine" if mine else "certificate" in said.lower()


@pytest.mark.parametrize("ca", ["/nonexistent.pem", __file__])
def test_a_ca_of_no_use_is_refused_by_its_setting(ca: str) -> None:
    with pytest.raises(ModelUnavailable, match="certificates of the CAs") as caught:
        connect(Endpoint("https://model.invalid/v1", "m", ca=ca))
    assert caught.value.where == f"model_ca, {ca}"
