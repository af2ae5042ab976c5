"""Attacks on the way to Prometheus: address, redirects, secrets, names as PromQL (threats 1, 9, 19, 20, 31)."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policies.types import Target
from tests.kit.connect_proxy import ConnectProxy
from tests.real.pki import Authority
from tests.tools.metrics.fake_prometheus import Asked, FakePrometheus, answer, failure
from tests.tools.metrics.kit import NOW, WEB, asking
from tools.errors import MetricsUnavailable
from tools.metrics.prometheus.access import Access
from tools.metrics.prometheus.address import parse
from tools.metrics.template_file import MetricsConfigInvalid
from tools.metrics.types import Metric

CANARY = "canary-7c1f0e-token"


def fresh() -> FakePrometheus:
    return FakePrometheus(NOW, [(NOW, "0.18")])


async def refused(**access: Any) -> MetricsUnavailable:
    async with asking(fresh(), **access) as reader:
        with pytest.raises(MetricsUnavailable) as caught:
            await reader.latest(Metric.CPU_USAGE, WEB, NOW)
        return caught.value


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]"]
)
def test_no_spelling_of_the_metadata_address_is_asked(host: str) -> None:
    error = asyncio.run(refused(url=f"http://{host}/"))
    assert error.code == "ForbiddenAddress"
    assert "nothing was sent" in error.what


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A name server that somebody else runs: each look-up gets the next answer."""

    def use(*answers: str, host: str = "prometheus.evil.test") -> None:
        left, theirs = list(answers), host

        async def getaddrinfo(_: object, host: str, port: int, **__: object) -> list[Any]:
            ip = (left.pop(0) if len(left) > 1 else left[0]) if host == theirs else host
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

        monkeypatch.setattr(asyncio.SelectorEventLoop, "getaddrinfo", getaddrinfo)

    return use


def test_a_name_that_leads_to_the_metadata_address_is_refused(resolving: Callable[..., None]) -> None:
    resolving("169.254.169.254")
    assert asyncio.run(refused(url="http://prometheus.evil.test/")).code == "ForbiddenAddress"


def test_a_name_that_changes_its_mind_gains_nothing(resolving: Callable[..., None]) -> None:
    """DNS rebinding: the connection goes to the address that was looked at, whatever the next look-up says."""
    resolving("127.0.0.1", "169.254.169.254")

    async def run() -> None:
        fake = fresh()
        async with fake.up(), asking(fake, url=f"http://prometheus.evil.test:{fake.port}") as reader:
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 180
            assert fake.seen[0].headers["host"] == f"prometheus.evil.test:{fake.port}"
            with pytest.raises(MetricsUnavailable, match="metadata"):
                await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            assert len(fake.seen) == 1

    asyncio.run(run())


@pytest.mark.parametrize("http", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(http: int) -> None:
    async def run() -> None:
        fake, other = fresh(), fresh()
        async with fake.up(), other.up():
            to = f"http://127.0.0.1:{other.port}/latest/meta-data/?session=s3cr3t"
            fake.fault = lambda _: answer(http, "", Location=to)
            async with asking(fake) as reader:
                with pytest.raises(MetricsUnavailable) as caught:
                    await reader.latest(Metric.CPU_USAGE, WEB, NOW)
        assert (caught.value.code, other.seen, len(fake.seen)) == ("Redirect", [], 1)
        assert "s3cr3t" not in caught.value.what

    asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://p/", "file:///etc/passwd", "prometheus:9090", "", "http://", "http://:9090", "http://u:hunter2@p/",
        "http://hunter2@p/", "http://p/?x=hunter2", "http://p/#hunter2", "http://p:99999/", "http://p:0/",
        "http://p/../x", "http://p/api/v1", "http://p\n/", "http://p q/", "http://prömetheus/", "http://[::1%25eth0]/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(MetricsConfigInvalid) as caught:
        parse(url)
    assert "hunter2" not in f"{caught.value.what}{caught.value.hint}"
    assert caught.value.where == "prometheus_url"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://prometheus:9090", "http://prometheus:9090"),
        ("https://thanos.example.com/", "https://thanos.example.com"),
        ("https://mimir:8443/prometheus/", "https://mimir:8443/prometheus"),
        ("http://[::1]:9090", "http://[::1]:9090"),
    ],
)
def test_an_address_is_shown_as_it_is(url: str, shown: str) -> None:
    assert str(parse(url)) == shown


@pytest.mark.parametrize(
    "token", [f"{CANARY}\r\nX-Evil: 1", f"{CANARY} x", f"{CANARY}\x00", f"{CANARY}é", "x" * 20_000]
)
def test_a_token_that_would_end_its_header_is_refused_unseen(token: str) -> None:
    with pytest.raises(MetricsConfigInvalid) as caught:
        Access(parse("http://127.0.0.1:9090"), token=token)
    assert CANARY not in repr(caught.value) + caught.value.what


def test_a_token_does_not_cross_the_network_readable() -> None:
    with pytest.raises(MetricsConfigInvalid, match="unencrypted"):
        Access(parse("http://prometheus:9090"), token=CANARY)
    Access(parse("https://prometheus:9090"), token=CANARY)


def test_a_token_is_not_in_a_repr() -> None:
    assert CANARY not in repr(Access(parse("https://p"), token=CANARY))


def _echo(asked: Asked) -> bytes:
    return answer(400, failure("bad_data", f"got {asked.headers['authorization']}"))


def _echo_plain(asked: Asked) -> bytes:
    return answer(502, asked.headers["authorization"], kind="text/plain")


@pytest.mark.parametrize("echo", [_echo, _echo_plain])
def test_a_server_that_repeats_our_token_does_not_get_it_printed(echo: Callable[[Asked], bytes]) -> None:
    async def run() -> MetricsUnavailable:
        fake = fresh()
        fake.fault = echo
        async with fake.up(), asking(fake, token=CANARY) as reader:
            with pytest.raises(MetricsUnavailable) as caught:
                await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            assert fake.seen[0].headers["authorization"] == f"Bearer {CANARY}"
            return caught.value

    error = asyncio.run(run())
    chain = [error, error.__cause__] + ([] if error.__suppress_context__ else [error.__context__])
    assert CANARY not in "".join(f"{one!r}{getattr(one, 'what', '')}" for one in chain)
    assert "[redacted]" in error.what


def test_a_rotated_token_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{CANARY}-1\n")

    async def run() -> None:
        fake = fresh()
        async with fake.up(), asking(fake, token_file=file, tenant="team-a") as reader:
            await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            new = tmp_path / "..data"
            new.write_text(f"{CANARY}-2")
            os.replace(new, file)
            await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            assert [a.headers["authorization"][-2:] for a in fake.seen] == ["-1", "-2"]
            assert fake.seen[0].headers["x-scope-orgid"] == "team-a"
            file.unlink()
            with pytest.raises(MetricsUnavailable, match="token's file") as caught:
                await reader.latest(Metric.CPU_USAGE, WEB, NOW)
            assert "prometheus_token_file" in caught.value.hint

    asyncio.run(run())


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the proxies of the machine that the tests run on."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_this_machine_is_asked_without_a_proxy(bare: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        bare.setenv(name, "http://127.0.0.1:1")

    async def run() -> None:
        fake = fresh()
        async with fake.up(), asking(fake) as reader:
            assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 180

    asyncio.run(run())


def test_a_proxy_is_told_the_address_that_was_looked_at(
    bare: pytest.MonkeyPatch, resolving: Callable[..., None]
) -> None:
    """A proxy that looked up the name itself could be led to another place than the one that was allowed."""
    resolving("192.0.2.7", "169.254.169.254")

    async def run() -> Asked:
        proxy = FakePrometheus(NOW)
        proxy.fault = lambda _: answer(502, "no upstream", kind="text/plain")
        async with proxy.up():
            bare.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            async with asking(proxy, url="http://prometheus.evil.test/") as reader:
                with pytest.raises(MetricsUnavailable) as caught:
                    await reader.latest(Metric.CPU_USAGE, WEB, NOW)
        assert f"through the proxy http://127.0.0.1:{proxy.port} (HTTP_PROXY)" in caught.value.where
        return proxy.seen[0]

    asked = asyncio.run(run())
    assert asked.line.startswith("POST http://192.0.2.7/api/v1/query ")
    assert asked.headers["host"] == "prometheus.evil.test"


def test_through_a_tunnel_the_certificate_is_held_to_the_name(
    tmp_path: Path, bare: pytest.MonkeyPatch, resolving: Callable[..., None]
) -> None:
    """The tunnel leads to an address; who is at its end must be the host of prometheus_url all the same."""
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.server("server"))

    async def run(host: str) -> tuple[int | None, list[str]]:
        fake = fresh()
        async with fake.up(tls), ConnectProxy(fake.port).up() as proxy:
            bare.setenv("HTTPS_PROXY", proxy.url)
            async with asking(fake, url=f"https://{host}/", ca=authority.ca) as reader:
                return (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v, proxy.lines

    resolving("192.0.2.7", host="kubernetes")
    assert asyncio.run(run("kubernetes")) == (180, ["CONNECT 192.0.2.7:443 HTTP/1.1"])
    resolving("192.0.2.7")
    with pytest.raises(MetricsUnavailable, match="certificate"):
        asyncio.run(run("prometheus.evil.test"))


def test_a_metadata_address_is_not_asked_through_a_proxy_either(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert asyncio.run(refused(url="http://169.254.169.254/")).code == "ForbiddenAddress"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://[::1"])
def test_a_proxy_of_no_use_is_refused_by_name(proxy: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("HTTP_PROXY", proxy)
    with pytest.raises(MetricsConfigInvalid) as caught:
        asyncio.run(refused(url="http://prometheus.test/"))
    assert caught.value.where == "HTTP_PROXY"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ('web"} or vector(1) or x{a="', "deployment"),
        ("web|.*", "deployment"),
        ("web\\", "statefulset"),
        ("a\nb", "statefulset"),
    ],
)
def test_a_name_cannot_leave_its_quotes(name: str, kind: str) -> None:
    """Names are checked before they get here; should one pass all the same, it stays text."""
    evil = Target.model_construct(cluster="prod", namespace='s"} or evil{b="', kind=kind, name=name)

    async def run() -> str:
        fake = fresh()
        async with fake.up(), asking(fake) as reader:
            await reader.latest(Metric.REPLICAS, evil, NOW)
            return fake.seen[0].form["query"]

    outside = _outside_quotes(asyncio.run(run()))
    assert "vector" not in outside
    assert "evil" not in outside
    assert "\n}" not in outside


def _outside_quotes(promql: str) -> str:
    """What a PromQL lexer would read as code."""
    code, quoted, escaped = "", False, False
    for c in promql:
        if quoted and escaped:
            escaped = False
        elif quoted and c == "\\":
            escaped = True
        elif c == '"':
            quoted = not quoted
        elif not quoted:
            code += c
    assert not quoted
    return code


def _pair(folder: Path, name: str, issuer: Any = None) -> tuple[Path, Path, Any]:
    """A key and a certificate for 127.0.0.1, signed by itself or by `issuer`."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, signing = issuer or (subject, key)
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
        .sign(signing, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file, (subject, key)


def test_the_given_ca_alone_is_trusted_and_our_certificate_shown(tmp_path: Path) -> None:
    ca, _, issuer = _pair(tmp_path, "ca")
    cert, key, _ = _pair(tmp_path, "server", issuer)
    mine, mine_key, _ = _pair(tmp_path, "flyball", issuer)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
    server.load_cert_chain(cert, key)
    server.verify_mode = ssl.CERT_REQUIRED

    async def run() -> None:
        fake = fresh()
        async with fake.up(server):
            url = f"https://127.0.0.1:{fake.port}"
            async with asking(fake, url=url, ca=ca, cert=mine, key=mine_key, token=CANARY) as reader:
                assert (await reader.latest(Metric.CPU_USAGE, WEB, NOW)).v == 180
            count = len(fake.seen)
            assert "certificate" in (await _refused_by(fake, url=url)).what
            assert (await _refused_by(fake, url=url, ca=ca)).code == "Unavailable"
            assert len(fake.seen) == count

    asyncio.run(run())


async def _refused_by(fake: FakePrometheus, **access: Any) -> MetricsUnavailable:
    async with asking(fake, **access) as reader:
        with pytest.raises(MetricsUnavailable) as caught:
            await reader.latest(Metric.CPU_USAGE, WEB, NOW)
        return caught.value


@pytest.mark.parametrize("broken", ["missing", "no PEM"])
def test_certificates_that_cannot_be_used_are_told(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "ca.pem"
    if broken == "no PEM":
        file.write_text("hello")
    with pytest.raises(MetricsConfigInvalid) as caught:
        Access(parse("https://p"), ca=file).tls()
    assert caught.value.where == "prometheus_ca"


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"token": "a", "token_file": Path("t")}, "prometheus_token"),
        ({"key": Path("k")}, "prometheus_key"),
        ({"tenant": "a\r\nb"}, "prometheus_tenant"),
        ({"tenant": " a"}, "prometheus_tenant"),
    ],
)
def test_settings_that_contradict_each_other(more: dict[str, Any], where: str) -> None:
    with pytest.raises(MetricsConfigInvalid) as caught:
        Access(parse("https://p"), **more)
    assert caught.value.where == where
