"""The way to the apiserver (threat 31): which proxy it takes, and what is said where that one is of no use."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.kit.connect_proxy import ConnectProxy
from tests.tools.cluster.fake_server import answering, api_of, kubeconfig, serving, signing
from tests.tools.cluster.test_user_entry import WRITE
from tools.cluster.kubeconfig import KubeconfigInvalid
from tools.cluster.patches import send
from tools.errors import ClusterUnavailable, NeverHappened

DEAD = "http://joe:secret@127.0.0.1:1"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the proxies of the machine that the tests run on."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def arrived(
    folder: Path, host: str, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], cluster: str = ""
) -> list[str]:
    """Reads from `host` on the port of a server that would also do as a proxy; what arrived there.

    PORT in `environ` and `cluster` is the port of that server.
    """

    async def run() -> list[str]:
        async with serving() as fake:
            fake.respond = answering(200, {})
            own = cluster.replace("PORT", str(fake.port))
            for name, value in environ.items():
                monkeypatch.setenv(name, value.replace("PORT", str(fake.port)))
            async with api_of(kubeconfig(folder, f"http://{host}:{fake.port}", "", own), 3) as api:
                await api.get("/apis/x")
            return fake.seen

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({"HTTP_PROXY": DEAD}, "127.0.0.1"),
        ({"http_proxy": DEAD}, "localhost"),
        ({"HTTP_PROXY": DEAD, "NO_PROXY": "127.0.0.0/8"}, "127.0.0.1"),
        ({"HTTPS_PROXY": DEAD, "ALL_PROXY": DEAD}, "127.0.0.1"),
        ({"HTTP_PROXY": "http://127.0.0.1:PORT"}, "kube.invalid"),
        ({"http_proxy": "127.0.0.1:PORT", "NO_PROXY": "10.0.0.0/8"}, "192.0.2.2"),
    ],
)
def test_the_way_that_the_environment_says(
    environ: dict[str, str], host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(arrived(tmp_path, host, monkeypatch, environ)) == 1


def test_the_kubeconfigs_own_proxy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"HTTP_PROXY": DEAD, "NO_PROXY": "*"}
    own = ", proxy-url: 'http://127.0.0.1:PORT'"
    assert len(arrived(tmp_path, "kube.invalid", monkeypatch, environ, own)) == 1


def test_a_tunnel_ends_at_the_server_and_its_certificate(tmp_path: Path) -> None:
    async def run(host: str) -> tuple[list[str], list[str]]:
        async with signing(tmp_path, "token: t-1") as (fake, config), ConnectProxy(fake.port).up() as proxy:
            there = config.read_text().replace(f"https://127.0.0.1:{fake.port}", f"https://{host}:6443")
            config.write_text(there.replace("server:", f"proxy-url: '{proxy.url}', server:"))
            async with api_of(config) as api:
                await send(api, WRITE)
            return proxy.lines, [lines["Authorization"] for lines in fake.headers]

    assert asyncio.run(run("kubernetes")) == (["CONNECT kubernetes:6443 HTTP/1.1"], ["Bearer t-1"])
    with pytest.raises(NeverHappened, match="certificate"):
        asyncio.run(run("another"))


@pytest.mark.parametrize("server", ["http://kube.invalid", "https://kube.invalid"])
def test_a_dead_proxy_is_named_without_its_password(server: str, tmp_path: Path) -> None:
    async def run() -> tuple[ClusterUnavailable, NeverHappened]:
        async with api_of(kubeconfig(tmp_path, server, "", f", proxy-url: '{DEAD}'")) as api:
            with pytest.raises(ClusterUnavailable) as read:
                await api.get("/apis/x")
            with pytest.raises(NeverHappened) as written:
                await send(api, WRITE)
            return read.value, written.value

    for error in asyncio.run(run()):
        assert error.where.endswith(f"{server}/apis/x through the proxy http://127.0.0.1:1 (proxy-url)")
        assert "proxy is up" in error.hint
        assert "secret" not in f"{error.what} {error.where} {error.hint}"


@pytest.mark.parametrize(
    ("proxy", "said"), [("socks5://127.0.0.1:1080", "`socks5` proxy"), ("http://[::1", "not the address")]
)
def test_a_proxy_of_no_use_is_refused_by_name(
    proxy: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = kubeconfig(tmp_path, "https://kube.invalid", "", f", proxy-url: '{proxy}'")
    with pytest.raises(KubeconfigInvalid, match=said) as error:
        asyncio.run(_open(own))
    assert error.value.where == f"{own} (cluster c): proxy-url"
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(KubeconfigInvalid, match=said) as error:
        asyncio.run(_open(kubeconfig(tmp_path, "https://kube.invalid", "")))
    assert error.value.where == "HTTPS_PROXY"


async def _open(config: Path) -> None:
    async with api_of(config):
        pass
