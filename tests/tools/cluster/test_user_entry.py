"""Whose credentials are sent, and as whom (threat 29): what kubectl 1.36 sends for the same user, or a refusal.

| the user entry | what arrives at the server |
|---|---|
| `as`, `as-uid`, `as-groups`, `as-user-extra` | the credential and all Impersonate-* headers, on each request |
| the others without `as`; a value that is no text | nothing: refused, naming the field |
| any credential, and the server is http:// | the impersonation, and no credential |
| a token and an exec plugin; a token and a password | the token; refused |
"""

import asyncio
from pathlib import Path

import pytest

from tests.tools.cluster.fake_server import (
    FakeServer,
    answering,
    api_of,
    kubeconfig,
    serving,
    signing,
    status,
)
from tools.cluster.kubeconfig import KubeconfigInvalid
from tools.cluster.patches import Write, send
from tools.errors import NeverHappened

WRITE = Write("/apis/x", {}, "flyball-i1", "i1")
WHOLE = 'as: viewer, as-uid: "7", as-groups: [a, b], as-user-extra: {Reason: [x, "y z"], "scopes.io/é%": [v]}'
HEADERS = [
    ("Impersonate-User", "viewer"),
    ("Impersonate-Uid", "7"),
    ("Impersonate-Group", "a"),
    ("Impersonate-Group", "b"),
    ("Impersonate-Extra-Reason", "x"),
    ("Impersonate-Extra-Reason", "y z"),
    ("Impersonate-Extra-scopes.io%2F%C3%A9%25", "v"),
]
EXEC = "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}"


def _identity(fake: FakeServer) -> list[list[tuple[str, str]]]:
    """What each request said about who asks."""
    return [
        [(name, value) for name, value in lines if name.startswith(("Impersonate-", "Authorization"))]
        for lines in fake.lines
    ]


def sent(folder: Path, user: str) -> list[list[tuple[str, str]]]:
    """A read and a write over TLS by that user; what each said about who asks."""

    async def run() -> list[list[tuple[str, str]]]:
        async with signing(folder, user) as (fake, config), api_of(config) as api:
            await api.get("/apis/x")
            await send(api, WRITE)
            return _identity(fake)

    return asyncio.run(run())


def in_clear(folder: Path, user: str, http: int = 200) -> tuple[list[tuple[str, str]], str]:
    """The same without TLS: what a read said about who asks, and the hint of its error."""

    async def run() -> tuple[list[tuple[str, str]], str]:
        async with serving() as fake:
            fake.respond = answering(http, {} if http == 200 else status(http, "Forbidden"))
            async with api_of(kubeconfig(folder, f"http://127.0.0.1:{fake.port}", user)) as api:
                hint = ""
                try:
                    await api.get("/apis/x")
                except NeverHappened as error:
                    hint = error.hint
                return _identity(fake)[0], hint

    return asyncio.run(run())


def test_every_request_is_made_as_the_one_who_is_impersonated(tmp_path: Path) -> None:
    read, written = sent(tmp_path, f"token: admin, {WHOLE}")
    assert read == written == [*HEADERS, ("Authorization", "Bearer admin")]


@pytest.mark.parametrize(
    "user", ["token: t-1", "token: t-1, as: '', as-groups: [], as-user-extra: {}, as-uid: ''"]
)
def test_nobody_is_impersonated_where_nobody_is_named(user: str, tmp_path: Path) -> None:
    assert sent(tmp_path, user)[0] == [("Authorization", "Bearer t-1")]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("as-groups: [viewers]", "as-groups"),
        ('as-uid: "7"', "as-uid"),
        ("as-user-extra: {a: [b]}", "as-user-extra"),
        ("as: 7", "Impersonate-User"),
        ("as: [viewer]", "Impersonate-User"),
        ("as: true", "Impersonate-User"),
        ('as: "a\\nImpersonate-Group: system:masters"', "Impersonate-User"),
        ('as: " viewer"', "Impersonate-User"),
        ("as: viewer, as-groups: viewers", "as-groups"),
        ("as: viewer, as-groups: [7]", "Impersonate-Group"),
        ("as: viewer, as-groups: [null]", "Impersonate-Group"),
        ("as: viewer, as-user-extra: [a]", "as-user-extra"),
        ("as: viewer, as-user-extra: {a: b}", "as-user-extra.a"),
        ('as: viewer, as-user-extra: {a: ["x\\ny"]}', "Impersonate-Extra-a"),
    ],
)
def test_what_cannot_be_impersonated_is_never_the_bare_credential(
    asked: str, named: str, tmp_path: Path
) -> None:
    with pytest.raises(KubeconfigInvalid) as error:
        sent(tmp_path, f"token: admin, {asked}")
    assert named in error.value.what
    assert error.value.where == f"{tmp_path / 'config'} (user u)"


def test_a_key_of_extra_cannot_end_its_header(tmp_path: Path) -> None:
    read, _ = sent(tmp_path, 'token: t, as: v, as-user-extra: {"a: b\\r\\nX": [c]}')
    assert ("Impersonate-Extra-a%3A%20b%0D%0AX", "c") in read


@pytest.mark.parametrize(
    "credential",
    [
        "token: t-1",
        "username: joe, password: secret",
        "tokenFile: token",
        EXEC,
        "auth-provider: {name: oidc}",
    ],
)
def test_no_credential_goes_without_tls(credential: str, tmp_path: Path) -> None:
    """Nor is a plugin run or a file read for it; the impersonation is no secret, and holds."""
    said, hint = in_clear(tmp_path, f"{credential}, as: viewer", http=403)
    assert said == [("Impersonate-User", "viewer")]
    assert "https://" in hint


def test_a_user_without_credentials_gets_the_usual_hint(tmp_path: Path) -> None:
    _, hint = in_clear(tmp_path, "", http=403)
    assert "https://" not in hint


def test_a_token_comes_before_an_exec_plugin(tmp_path: Path) -> None:
    assert sent(tmp_path, f"token: t-1, {EXEC}")[0] == [("Authorization", "Bearer t-1")]


@pytest.mark.parametrize(
    "empty", ["exec: null", "tokenFile: ''", "client-certificate:", "auth-provider: null"]
)
def test_what_is_empty_is_not_there(empty: str, tmp_path: Path) -> None:
    assert sent(tmp_path, f"token: t-1, {empty}")[0] == [("Authorization", "Bearer t-1")]


def test_an_exec_plugin_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigInvalid, match="`exec`"):
        sent(tmp_path, "exec: aws")


def test_a_token_and_a_password_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigInvalid, match="a token and a password"):
        sent(tmp_path, "token: t-1, username: joe, password: secret")
