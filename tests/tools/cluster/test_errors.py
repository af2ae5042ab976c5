"""How a request can end, and what each end means.

answer                  read            write
2xx JSON                object          object
2xx garbage             ClusterUnavailable     MayHaveHappened
3xx                     ClusterUnavailable     NeverHappened (never followed)
4xx Status              NeverHappened   NeverHappened
404 Status              NotFound        NeverHappened
404 plain text          ClusterUnavailable     NeverHappened
409, 422 metadata.uid   -               DefiniteConflict
429                     ClusterUnavailable     NeverHappened
5xx                     ClusterUnavailable     MayHaveHappened
no answer, reset        ClusterUnavailable     MayHaveHappened
no connection, no TLS   ClusterUnavailable     NeverHappened
"""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.real.pki import Authority
from tests.tools.cluster.fake_server import (
    Respond,
    answering,
    api_of,
    dropping,
    hanging,
    kubeconfig,
    serving,
    signing,
    status,
)
from tools.cluster.patches import Write, send
from tools.errors import (
    ClusterUnavailable,
    DefiniteConflict,
    MayHaveHappened,
    NeverHappened,
    NotFound,
    ToolError,
)

WRITE = Write("/apis/x", {"spec": {"replicas": 3}}, "flyball-i1", "i1")
FORBIDDEN = (
    'deployments.apps "web" is forbidden: User "anna" cannot patch resource "deployments/scale" '
    'in API group "apps" in the namespace "shop"'
)
UID = {"causes": [{"field": "metadata.uid"}, {"field": "metadata.uid"}]}
BOTH = {"causes": [{"field": "metadata.uid"}, {"field": "spec.replicas"}]}
READS = [
    (answering(404, status(404, "NotFound")), NotFound, "NotFound"),
    (answering(404, "404 page not found"), ClusterUnavailable, "HTTP404"),
    (answering(403, status(403, "Forbidden", FORBIDDEN)), NeverHappened, "Forbidden"),
    (answering(401, status(401, "Unauthorized")), NeverHappened, "Unauthorized"),
    (answering(400, status(400, "BadRequest")), NeverHappened, "BadRequest"),
    (answering(410, status(410, "Expired")), ClusterUnavailable, "Expired"),
    (answering(429, status(429, "TooManyRequests")), ClusterUnavailable, "TooManyRequests"),
    (answering(500, status(500, "InternalError")), ClusterUnavailable, "InternalError"),
    (answering(503, "service unavailable"), ClusterUnavailable, "HTTP503"),
    (answering(200, "<html>login</html>"), ClusterUnavailable, "HTTP200"),
    (answering(200, "[]"), ClusterUnavailable, "HTTP200"),
    (answering(302, "", Location="/elsewhere"), ClusterUnavailable, "HTTP302"),
    (dropping, ClusterUnavailable, "Unavailable"),
]
WRITES = [
    (answering(409, status(409, "Conflict")), DefiniteConflict, "Conflict"),
    (answering(409, "conflict"), DefiniteConflict, "HTTP409"),
    (answering(422, status(422, "Invalid", **UID)), DefiniteConflict, "Invalid"),
    (answering(422, status(422, "Invalid", **BOTH)), NeverHappened, "Invalid"),
    (answering(422, status(422, "Invalid")), NeverHappened, "Invalid"),
    (answering(403, status(403, "Forbidden", FORBIDDEN)), NeverHappened, "Forbidden"),
    (answering(401, status(401, "Unauthorized")), NeverHappened, "Unauthorized"),
    (answering(404, status(404, "NotFound")), NeverHappened, "NotFound"),
    (answering(404, "404 page not found"), NeverHappened, "HTTP404"),
    (answering(429, status(429, "TooManyRequests")), NeverHappened, "TooManyRequests"),
    (answering(307, "", Location="/elsewhere"), NeverHappened, "HTTP307"),
    (answering(500, status(500, "InternalError")), MayHaveHappened, "InternalError"),
    (answering(502, "bad gateway"), MayHaveHappened, "HTTP502"),
    (answering(503, status(503, "ServiceUnavailable")), MayHaveHappened, "ServiceUnavailable"),
    (answering(504, status(504, "Timeout")), MayHaveHappened, "Timeout"),
    (answering(200, "not json"), MayHaveHappened, "NoAnswer"),
    (answering(200, "[]"), MayHaveHappened, "NoAnswer"),
    (dropping, MayHaveHappened, "NoAnswer"),
]


async def ask(respond: Respond, folder: Path, write: bool) -> tuple[ToolError, list[str]]:
    """The error of one request, and what reached the server."""
    async with serving() as fake, api_of(kubeconfig(folder, f"http://127.0.0.1:{fake.port}", "")) as api:
        fake.respond = respond
        with pytest.raises(ToolError) as error:
            await (send(api, WRITE) if write else api.get("/apis/x"))
        return error.value, fake.seen


@pytest.mark.parametrize(("respond", "kind", "code"), READS)
def test_reads(respond: Respond, kind: type, code: str, tmp_path: Path) -> None:
    error, _ = asyncio.run(ask(respond, tmp_path, write=False))
    assert (type(error), error.code) == (kind, code)
    assert error.where.startswith("GET http://127.0.0.1:")
    assert error.hint


@pytest.mark.parametrize(("respond", "kind", "code"), WRITES)
def test_writes(respond: Respond, kind: type, code: str, tmp_path: Path) -> None:
    """And whatever the end, the PATCH was sent once: no retry, no redirect followed."""
    error, seen = asyncio.run(ask(respond, tmp_path, write=True))
    assert (type(error), error.code) == (kind, code)
    assert seen == ["PATCH /apis/x?fieldManager=flyball-i1&fieldValidation=Strict"]
    assert error.hint


def test_the_answer_of_a_write_is_the_object(tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, Any], list[str], dict[str, str]]:
        async with signing(tmp_path, "token: t-1") as (fake, config), api_of(config) as api:
            fake.respond = answering(200, {"kind": "Scale"})
            dry = Write("/apis/x", {}, "flyball-i1", "i1", dry_run=True)
            return await send(api, dry), fake.seen, fake.headers[0]

    answer, seen, headers = asyncio.run(run())
    assert answer == {"kind": "Scale"}
    assert seen[0].endswith("&dryRun=All")
    assert headers["Audit-ID"] == "i1"
    assert headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert headers["Authorization"] == "Bearer t-1"


def test_a_kept_connection_that_drops_does_not_send_the_patch_twice(tmp_path: Path) -> None:
    """A client may legitimately retry an idempotent request on a stale connection; a PATCH is none (RFC 9110)."""

    async def drop_patches(request: web.Request) -> web.StreamResponse:
        return await (dropping if request.method == "PATCH" else answering(200, {}))(request)

    async def run() -> list[str]:
        async with serving() as fake, api_of(kubeconfig(tmp_path, f"http://127.0.0.1:{fake.port}")) as api:
            fake.respond = drop_patches
            await api.get("/warm")
            with pytest.raises(MayHaveHappened):
                await send(api, WRITE)
            await api.get("/after")
            return fake.seen

    assert [one.partition("?")[0] for one in asyncio.run(run())] == [
        "GET /warm",
        "PATCH /apis/x",
        "GET /after",
    ]


def test_no_answer_in_time_is_a_doubt(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving() as fake:
            fake.respond = hanging
            config = kubeconfig(tmp_path, f"http://127.0.0.1:{fake.port}")
            async with api_of(config, deadline_s=0.2) as api:
                with pytest.raises(MayHaveHappened):
                    await send(api, WRITE)
                with pytest.raises(ClusterUnavailable):
                    await api.get("/apis/x")

    asyncio.run(run())


def test_an_apiserver_that_falls_silent_costs_a_read_half_of_its_time(tmp_path: Path) -> None:
    """A write waits all of it: the sooner it stops, the more is in doubt."""

    async def run() -> tuple[str, str]:
        async with serving() as fake:
            fake.respond = hanging
            config = kubeconfig(tmp_path, f"http://127.0.0.1:{fake.port}")
            async with api_of(config, deadline_s=1) as api:
                with pytest.raises(ClusterUnavailable) as read:
                    await api.get("/apis/x")
                with pytest.raises(MayHaveHappened) as written:
                    await send(api, WRITE)
            return read.value.what, written.value.what

    assert asyncio.run(run()) == ("silent for 5 s", "no answer within 10 s")


def test_no_connection_in_time_is_never_sent(tmp_path: Path) -> None:
    """A listener that never finishes the TLS handshake: the deadline of connecting falls first."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = f"https://127.0.0.1:{silent.getsockname()[1]}"
            async with api_of(kubeconfig(tmp_path, server), deadline_s=0.4) as api:
                with pytest.raises(NeverHappened) as error:
                    await send(api, WRITE)
                assert error.value.code == "NotSent"

    asyncio.run(run())


@pytest.mark.parametrize("server", ["http://127.0.0.1:1", "http://nobody.invalid:80"])
def test_nobody_there_is_never_sent(server: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with api_of(kubeconfig(tmp_path, server)) as api:
            with pytest.raises(NeverHappened) as error:
                await send(api, WRITE)
            assert error.value.code == "NotSent"
            with pytest.raises(ClusterUnavailable):
                await api.get("/apis/x")

    asyncio.run(run())


def test_tls_against_a_plain_port_names_the_port(tmp_path: Path) -> None:
    async def run() -> tuple[ToolError, list[str]]:
        async with serving() as fake, api_of(kubeconfig(tmp_path, f"https://127.0.0.1:{fake.port}")) as api:
            with pytest.raises(NeverHappened) as error:
                await send(api, WRITE)
            return error.value, fake.seen

    error, seen = asyncio.run(run())
    assert "port" in error.hint
    assert seen == []


def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    theirs, ours = Authority(tmp_path / "theirs"), Authority(tmp_path / "ours")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*theirs.server("server"))

    async def run(ca: Path) -> list[str]:
        async with serving(tls) as fake:
            trust = f", certificate-authority: '{ca}'"
            config = kubeconfig(tmp_path, f"https://127.0.0.1:{fake.port}", cluster=trust)
            async with api_of(config) as api:
                await send(api, WRITE)
            return fake.seen

    assert len(asyncio.run(run(theirs.ca))) == 1
    with pytest.raises(NeverHappened) as error:
        asyncio.run(run(ours.ca))
    assert "certificate-authority" in error.value.hint


def test_a_missing_right_is_named_with_the_line_that_asks_for_it(tmp_path: Path) -> None:
    error, _ = asyncio.run(ask(answering(403, status(403, "Forbidden", FORBIDDEN)), tmp_path, write=True))
    assert error.hint == (
        'give anna a Role in namespace shop with apiGroups: ["apps"], resources: ["deployments/scale"], '
        'verbs: ["patch"]; check: kubectl auth can-i patch deployments.apps --subresource=scale -n shop --as anna'
    )


def test_a_refusal_of_admission_is_no_missing_right(tmp_path: Path) -> None:
    refused = status(403, "Forbidden", 'pods "web-1" is forbidden: exceeded quota: compute')
    error, _ = asyncio.run(ask(answering(403, refused), tmp_path, write=True))
    assert "no RBAC rule is missing" in error.hint


def test_no_credentials_of_the_environment_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.netrc names this host: a login from there must not reach the apiserver."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    async def run() -> dict[str, str]:
        async with serving() as fake:
            config = kubeconfig(tmp_path, f"http://127.0.0.1:{fake.port}", user="")
            async with api_of(config) as api:
                await api.get("/apis/x")
            return fake.headers[0]

    assert "Authorization" not in asyncio.run(run())
