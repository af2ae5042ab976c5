"""Which proxy a request goes through (threat 31), by the rules of golang.org/x/net/http/httpproxy.

| the environment says | then |
|---|---|
| nothing; the other scheme; ALL_PROXY only | direct |
| a proxy, and the host is this machine | direct |
| NO_PROXY: name, `.name`, `*.name`, address, network, each with port, `*` | direct where it matches |
| a proxy that is none, or speaks SOCKS | ProxyInvalid, which names the variable and no password |
"""

from typing import Any

import pytest

from base.proxies import ProxyInvalid, parse_proxy, proxy_for

P = "http://proxy:3128"
BOTH = {"HTTP_PROXY": P, "HTTPS_PROXY": "https://secure:3129"}


def through(url: str, **environ: str) -> str | None:
    found = proxy_for(url, environ)
    return found.url if found else None


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://kube:6443", {}, None),
        ("http://kube", BOTH, P),
        ("https://kube", BOTH, "https://secure:3129"),
        ("http://kube", {"HTTPS_PROXY": P}, None),
        ("https://kube", {"HTTP_PROXY": P, "ALL_PROXY": P}, None),
        ("http://kube", {"http_proxy": P}, P),
        ("http://kube", {"http_proxy": P, "HTTP_PROXY": "http://capital:1"}, "http://capital:1"),
        ("http://kube", {"HTTP_PROXY": "proxy:3128"}, P),
        ("http://kube", {"HTTP_PROXY": " http://proxy:3128/ "}, P),
        ("http://kube", {"HTTP_PROXY": ""}, None),
        ("http://kube", {"HTTP_PROXY": "http://[2001:db8::1]:80"}, "http://[2001:db8::1]:80"),
        ("ftp://kube", BOTH, None),
    ],
)
def test_the_variable_of_the_scheme(url: str, environ: dict[str, str], expected: str | None) -> None:
    assert through(url, **environ) == expected


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:6443", "127.9.9.9", "[::1]:443", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_never_proxied(host: str) -> None:
    assert through(f"http://{host}", **BOTH) is None
    assert through(f"https://{host}", **BOTH) is None


@pytest.mark.parametrize(
    ("listed", "host", "direct"),
    [
        ("192.0.2.0/24", "192.0.2.9", True),
        ("192.0.2.0/24", "192.0.3.9", False),
        ("192.0.2.7/24", "192.0.2.9", True),
        ("192.0.2.0/99", "192.0.2.9", False),
        ("192.0.2.0/24", "192.0.2.9.example", False),
        ("2001:db8::/32", "[2001:db8::9]:6443", True),
        ("2001:db8::/32", "192.0.2.9", False),
        ("192.0.2.0/24", "[::ffff:192.0.2.9]", True),
        ("192.0.2.9", "192.0.2.9:6443", True),
        ("192.0.2.9:6443", "192.0.2.9:6443", True),
        ("192.0.2.9:443", "192.0.2.9:6443", False),
        ("192.0.2.9:80", "192.0.2.9", True),
        ("2001:db8::1", "[2001:db8::1]", True),
        ("2001:db8:0::1", "[2001:db8::1]", True),
        ("[2001:db8::1]:6443", "[2001:db8::1]:6443", True),
        ("[2001:db8::1]:443", "[2001:db8::1]:6443", False),
        ("example.com", "example.com", True),
        ("example.com", "api.example.com", True),
        ("example.com", "notexample.com", False),
        (".example.com", "example.com", False),
        (".example.com", "api.example.com", True),
        ("*.example.com", "api.example.com", True),
        ("*.example.com", "example.com", False),
        ("EXAMPLE.com", "api.example.COM", True),
        ("example.com:6443", "example.com:6443", True),
        ("example.com:6443", "example.com", False),
        (" other , example.com ,", "example.com", True),
        ("*", "anything", True),
        (",, ,:,.,[", "anything", False),
        ("2.9", "192.0.2.9", False),
    ],
)
def test_no_proxy(listed: str, host: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert (through(f"http://{host}", HTTP_PROXY=P, **{name: listed}) is None) == direct


@pytest.mark.parametrize(
    "text",
    [
        "http://[::1",
        "http://",
        "http://:3128",
        "http://proxy:port",
        "http://proxy:0",
        "http://a b:1",
        "http://a\n:1",
    ],
)
def test_what_is_no_proxy_is_refused_not_passed_by(text: str) -> None:
    with pytest.raises(ProxyInvalid) as error:
        through("http://kube", HTTP_PROXY=text)
    assert (error.value.where, error.value.effect) == ("HTTP_PROXY", "unavailable")
    assert through("http://kube", HTTP_PROXY=text, NO_PROXY="kube") is None


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "ftp"])
def test_another_kind_of_proxy_is_refused_by_name(scheme: str) -> None:
    with pytest.raises(ProxyInvalid) as error:
        parse_proxy(f"{scheme}://joe:secret@proxy:1080", "proxy-url")
    assert f"`{scheme}`" in error.value.what
    assert "secret" not in str((error.value.what, error.value.where, error.value.hint))


@pytest.mark.parametrize("show", [str, repr])
def test_a_password_is_not_shown(show: Any) -> None:
    proxy = parse_proxy("http://joe:secret@proxy:3128", "HTTPS_PROXY")
    assert proxy.url == "http://joe:secret@proxy:3128"
    assert "http://proxy:3128 (HTTPS_PROXY)" in show(proxy)
    assert "secret" not in show(proxy)
